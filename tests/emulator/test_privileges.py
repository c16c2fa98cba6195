"""Roles and privileges: who is refused what, in the words of Dataverse, and how roles are read and made."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from .support import REPRESENTATION, TYPE, Client, operation, send_batch, statuses

ADMIN = "admin@emulator.example"
CONSENT = "msdynmkt_contactpointconsent4"
PURPOSE = {"msdynmkt_name": "News", "msdynmkt_type": 534120000, "msdynmkt_enforcementmodel": 534120000}


@pytest.fixture
def admin(api: Client) -> Client:
    return Client(api.url, ADMIN)


class _World:
    """Rows made by the administrator that the application user then acts on."""

    def __init__(self, admin: Client) -> None:
        self.contact = admin.contact(emailaddress1="a@x.org")
        self.list = admin.create("lists", listname="News", createdfromcode=2)
        self.purpose = admin.create("msdynmkt_purposes", **PURPOSE)
        self.profile = admin.create("msdynmkt_compliancesettings4s", msdynmkt_name="Contoso")
        self.endpoint = admin.endpoint("http://127.0.0.1:9/")
        self.step = admin.step_body(self.endpoint, "Update", "contact")
        self.step_id = admin.create("sdkmessageprocessingsteps", **self.step)
        self.image = admin.image_body(self.step_id, 0, attributes="emailaddress1")
        admin.post(f"lists({self.list})/{TYPE}AddMemberList", {"EntityId": self.contact})
        self.member = admin.values("listmembers")[0]["listmemberid"]
        other = admin.contact()
        both = {"Target": self.contact, "Subordinate": other}
        self.merge = {name: {"@odata.type": f"{TYPE}contact", "contactid": key} for name, key in both.items()}
        self.consent = {"msdynmkt_contactpointvalue": "a@x.org", "msdynmkt_purposeId@odata.bind": self.purpose_url}

    @property
    def purpose_url(self) -> str:
        return f"/msdynmkt_purposes({self.purpose})"


FETCH = quote(
    f"<fetch><entity name='contact'><attribute name='contactid'/><filter><link-entity name='{CONSENT}' "
    "from='msdynmkt_contactpointvalue' to='emailaddress1' link-type='not any'/></filter></entity></fetch>"
)
# What is done, the privilege it needs, and the table that the refusal names.
NEEDED: list[tuple[str, str, str]] = [
    ("GET contacts", "prvReadContact", "contact"),
    ("GET contacts/$count", "prvReadContact", "contact"),
    ("GET contacts({contact})", "prvReadContact", "contact"),
    ("GET contacts({contact})/lastname", "prvReadContact", "contact"),
    ("GET contacts({contact})/lastname/$value", "prvReadContact", "contact"),
    ("GET leads?$filter=parentcontactid/lastname eq 'x'", "prvReadContact", "contact"),
    ("GET contacts?$expand=ownerid($select=fullname)", "prvReadUser", "systemuser"),
    (f"GET contacts?fetchXml={FETCH}", f"prvRead{CONSENT}", CONSENT),
    ("GET listmembers", "prvReadList", "listmember"),
    ("GET sdkmessagefilters", "prvReadSdkMessage", "sdkmessagefilter"),
    ("GET organizations", "prvReadOrganization", "organization"),
    ("GET roles", "prvReadRole", "role"),
    ("GET asyncoperations", "prvReadAsyncOperation", "asyncoperation"),
    ("POST contacts", "prvCreateContact", "contact"),
    ("PATCH contacts({contact})", "prvWriteContact", "contact"),
    ("PUT contacts({contact})/lastname", "prvWriteContact", "contact"),
    ("DELETE contacts({contact})", "prvDeleteContact", "contact"),
    ("POST consent", f"prvCreate{CONSENT}", CONSENT),
    ("POST consent", f"prvAppend{CONSENT}", CONSENT),
    ("POST consent", "prvAppendTomsdynmkt_purpose", "msdynmkt_purpose"),
    ("POST owned by somebody else", "prvAssignContact", "contact"),
    ("POST member", "prvWriteList", "list"),
    ("POST member", "prvReadContact", "contact"),
    ("POST member", "prvAppendContact", "contact"),
    ("POST member", "prvAppendToList", "list"),
    ("DELETE listmembers({member})", "prvWriteList", "listmember"),
    ("POST Merge", "prvWriteContact", "contact"),
    ("POST Merge", "prvShareContact", "contact"),
    ("POST link", "prvAppendmsdynmkt_compliancesettings4", "msdynmkt_compliancesettings4"),
    ("POST link", "prvAppendTomsdynmkt_purpose", "msdynmkt_purpose"),
    ("POST CreateMultiple", "prvCreateContact", "contact"),
    ("POST serviceendpoints", "prvCreateServiceEndpoint", "serviceendpoint"),
    ("POST sdkmessageprocessingsteps", "prvCreateSdkMessageProcessingStep", "sdkmessageprocessingstep"),
    ("POST image", "prvCreateSdkMessageProcessingStepImage", "sdkmessageprocessingstepimage"),
]


def _do(api: Client, world: _World, action: str) -> Any:
    """Carry out an action of the table above."""
    method, _, path = action.partition(" ")
    path = path.format(**vars(world)) if "fetchXml" not in path else path
    profile = f"msdynmkt_compliancesettings4s({world.profile})/msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4/$ref"
    bodies: dict[str, tuple[str, Any]] = {
        "contacts": ("contacts", {"lastname": "New"}),
        "consent": (f"{CONSENT}s", world.consent),
        "owned by somebody else": (
            "contacts",
            {"lastname": "New", "ownerid@odata.bind": f"/systemusers({Client(api.url, ADMIN).me()})"},
        ),
        "member": (f"lists({world.list})/{TYPE}AddMemberList", {"EntityId": world.contact}),
        "Merge": ("Merge", world.merge),
        "link": (profile, {"@odata.id": world.purpose_url}),
        "CreateMultiple": (
            f"contacts/{TYPE}CreateMultiple",
            {"Targets": [{"@odata.type": f"{TYPE}contact", "lastname": "New"}]},
        ),
        "serviceendpoints": (
            "serviceendpoints",
            {"name": "b", "contract": 8, "authtype": 4, "url": "http://127.0.0.1"},
        ),
        "sdkmessageprocessingsteps": ("sdkmessageprocessingsteps", world.step),
        "image": ("sdkmessageprocessingstepimages", world.image),
    }
    if method == "POST":
        return api.post(*bodies[path])
    body = {"value": "New"} if method == "PUT" else {"lastname": "New"} if method == "PATCH" else None
    return api.send(method, path, body)


@pytest.mark.parametrize(("action", "privilege", "table"), NEEDED)
def test_each_operation_needs_its_privilege(
    api: Client, admin: Client, action: str, privilege: str, table: str
) -> None:
    api.admin("reset", {"without": [privilege]})
    refused = _do(api, _World(admin), action)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (403, "0x80040220")
    assert f"is missing {privilege} privilege (Id=" in error["message"]
    assert f"for entity '{table}'" in error["message"]


@pytest.mark.parametrize("action", sorted({row[0] for row in NEEDED}))
def test_with_all_ordinary_privileges_each_operation_works(api: Client, admin: Client, action: str) -> None:
    assert _do(api, _World(admin), action).status_code in {200, 204}


@pytest.mark.parametrize(
    ("privilege", "path"),
    [("prvReadEntity", "EntityDefinitions(LogicalName='contact')"), ("prvMerge", "")],
)
def test_privileges_of_no_table_are_named_too(api: Client, admin: Client, privilege: str, path: str) -> None:
    api.admin("reset", {"without": [privilege]})
    refused = api.get(path) if path else api.post("Merge", _World(admin).merge)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "0x80040220")
    assert f"SecLib::CheckPrivilege failed. User: {api.me()}, PrivilegeName: {privilege}, " in refused.text


def test_a_refused_operation_of_a_batch_stands_alone(api: Client) -> None:
    api.admin("reset", {"without": ["prvReadLead"]})
    parts = [operation("GET", "leads"), operation("GET", "contacts"), operation("GET", "WhoAmI")]
    assert statuses(send_batch(api, parts, Prefer="odata.continue-on-error")) == [403, 200, 200]


def test_a_deletion_takes_along_what_the_caller_may_not_touch(api: Client, admin: Client) -> None:
    """Cascades are the platform's doing: only the row named needs the privilege."""
    api.admin("reset", {"without": ["prvWriteList"]})
    world = _World(admin)
    assert api.delete(f"contacts({world.contact})").status_code == 204
    assert api.values("listmembers") == []


def test_unknown_privileges_are_refused_by_reset(api: Client) -> None:
    refused = api.send("POST", f"{api.url}/_emulator/reset", {"without": ["prvReadShoe"]})
    assert (refused.status_code, "prvReadShoe" in refused.text) == (400, True)


# Roles: read, made, given


def _privilege_ids(api: Client, *names: str) -> dict[str, str]:
    wanted = " or ".join(f"name eq '{name}'" for name in names)
    rows = api.values(f"privileges?$select=name,privilegeid&$filter={wanted}")
    return {row["name"]: row["privilegeid"] for row in rows}


def _role(admin: Client, name: str, depths: dict[str, str]) -> str:
    unit = admin.row("WhoAmI")["BusinessUnitId"]
    role = admin.create("roles", name=name, **{"businessunitid@odata.bind": f"/businessunits({unit})"})
    ids = _privilege_ids(admin, *depths)
    entries = [{"PrivilegeId": ids[privilege], "Depth": depth} for privilege, depth in depths.items()]
    added = admin.post(f"roles({role})/{TYPE}AddPrivilegesRole", {"Privileges": entries})
    assert added.status_code == 204, added.text
    return role


def _application(admin: Client, *roles: str) -> Client:
    """A new application user with these roles."""
    application, unit = str(uuid.uuid4()), admin.row("WhoAmI")["BusinessUnitId"]
    bind = {"businessunitid@odata.bind": f"/businessunits({unit})"}
    user = admin.create("systemusers", applicationid=application, **bind)
    for role in roles:
        link = admin.post(
            f"systemusers({user})/systemuserroles_association/$ref", {"@odata.id": f"{admin.base}roles({role})"}
        )
        assert link.status_code == 204, link.text
    return Client(admin.url, application)


def test_an_application_user_is_made_given_a_role_and_acts(admin: Client) -> None:
    role = _role(admin, "Consent", {"prvReadContact": "Global", "prvCreateContact": "Global"})
    app = _application(admin, role)
    key = app.contact()
    assert app.row(f"contacts({key})")["_createdby_value"] == app.me()
    assert app.patch(f"contacts({key})", {"lastname": "x"}).status_code == 403
    entry = {"PrivilegeId": _privilege_ids(admin, "prvWriteContact")["prvWriteContact"], "Depth": "Global"}
    admin.post(f"roles({role})/{TYPE}AddPrivilegesRole", {"Privileges": [entry]})
    assert app.patch(f"contacts({key})", {"lastname": "x"}).status_code == 204
    admin.delete(f"systemusers({app.me()})/systemuserroles_association({role})/$ref")
    refused = app.get("contacts")
    assert "has not been assigned any roles" in refused.json()["error"]["message"]


def test_roles_are_read_from_both_sides(api: Client, admin: Client) -> None:
    role = _role(admin, "Consent", {"prvReadContact": "Global", "prvReadLead": "Basic"})
    app = _application(admin, role)
    user = app.me()
    found = api.values(f"systemusers({user})/systemuserroles_association?$select=name")
    assert [row["name"] for row in found] == ["Consent"]
    rows = api.values(f"systemusers?$filter=systemuserid eq {user}&$expand=systemuserroles_association($select=name)")
    assert rows[0]["systemuserroles_association"][0]["roleid"] == role
    held = api.row(f"roles({role})?$expand=roleprivileges_association($select=name)")["roleprivileges_association"]
    assert {"prvReadContact", "prvReadLead", "prvReadSdkMessage"} <= {row["name"] for row in held}
    depths = api.values(f"roleprivilegescollection?$filter=roleid eq {role}&$select=privilegeid,privilegedepthmask")
    ids = _privilege_ids(api, "prvReadContact", "prvReadLead")
    masks = {row["privilegeid"]: row["privilegedepthmask"] for row in depths}
    assert (masks[ids["prvReadContact"]], masks[ids["prvReadLead"]]) == (8, 1)
    fetch = (
        "<fetch><entity name='role'><attribute name='name'/>"
        "<link-entity name='systemuserroles' from='roleid' to='roleid'>"
        f"<filter><condition attribute='systemuserid' operator='eq' value='{user}'/></filter></link-entity></entity>"
        "</fetch>"
    )
    assert [row["name"] for row in api.values(f"roles?fetchXml={quote(fetch)}")] == ["Consent"]


@pytest.mark.parametrize("call", ["RetrieveUserPrivileges", "RetrieveUserPrivileges()"])
def test_what_a_user_may_do_is_told(api: Client, admin: Client, call: str) -> None:
    app = _application(admin, _role(admin, "a", {"prvReadLead": "Basic"}), _role(admin, "b", {"prvReadLead": "Local"}))
    answer = api.row(f"systemusers({app.me()})/{TYPE}{call}")
    assert answer["@odata.context"].endswith("#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse")
    told = {row["PrivilegeName"]: row for row in answer["RolePrivileges"]}
    assert told["prvReadLead"]["Depth"] == "Local"
    assert told["prvReadLead"]["PrivilegeId"] == _privilege_ids(api, "prvReadLead")["prvReadLead"]
    assert "prvWriteLead" not in told


def test_one_privilege_of_a_user_and_those_of_a_role_are_told(api: Client, admin: Client) -> None:
    role = _role(admin, "a", {"prvReadLead": "Global"})
    user, lead = _application(admin, role).me(), _privilege_ids(api, "prvReadLead")["prvReadLead"]
    base = f"systemusers({user})/{TYPE}RetrieveUserPrivilegeByPrivilege"
    for call in ("Name(PrivilegeName='prvReadLead')", f"Id(PrivilegeId={lead})", f"Id(PrivilegeId=@p)?@p={lead}"):
        assert [row["Depth"] for row in api.row(base + call)["RolePrivileges"]] == ["Global"]
    assert api.row(f"{base}Name(PrivilegeName='prvWriteLead')")["RolePrivileges"] == []
    for call in (f"(RoleId={role})", f"(RoleId=@r)?@r={role}"):
        names = [row["PrivilegeName"] for row in api.row(f"RetrieveRolePrivilegesRole{call}")["RolePrivileges"]]
        assert "prvReadLead" in names


def test_privileges_of_a_role_are_taken_away_and_replaced(api: Client, admin: Client) -> None:
    role = _role(admin, "a", {"prvReadLead": "Global", "prvReadContact": "Global", "prvReadList": "Global"})
    ids = _privilege_ids(admin, "prvReadLead", "prvReadContact", "prvReadAccount")

    def held() -> set[str]:
        found = api.row(f"roles({role})?$expand=roleprivileges_association($select=name)")
        return {row["name"] for row in found["roleprivileges_association"]} - {"prvReadSdkMessage"}

    for body in ({"PrivilegeId": ids["prvReadLead"]}, {"Privilege": {"privilegeid": ids["prvReadContact"]}}):
        assert admin.post(f"roles({role})/{TYPE}RemovePrivilegeRole", body).status_code == 204
    assert "prvReadList" in held()
    assert not {"prvReadLead", "prvReadContact"} & held()
    entry = {"PrivilegeId": ids["prvReadAccount"], "Depth": "Deep"}
    admin.post(f"roles({role})/{TYPE}ReplacePrivilegesRole", {"Privileges": [entry]})
    assert held() == {"prvReadAccount"}


@pytest.mark.parametrize("depth", ["Wide", 8, None])
def test_a_depth_that_is_none_is_refused(admin: Client, depth: object) -> None:
    role = _role(admin, "a", {})
    entry = {"PrivilegeId": _privilege_ids(admin, "prvReadLead")["prvReadLead"], "Depth": depth}
    assert admin.post(f"roles({role})/{TYPE}AddPrivilegesRole", {"Privileges": [entry]}).status_code == 400


def test_a_privilege_of_the_whole_organization_has_no_smaller_depth(admin: Client) -> None:
    role, ids = _role(admin, "a", {}), _privilege_ids(admin, "prvCreateServiceEndpoint")
    entry = {"PrivilegeId": ids["prvCreateServiceEndpoint"], "Depth": "Basic"}
    assert admin.post(f"roles({role})/{TYPE}AddPrivilegesRole", {"Privileges": [entry]}).status_code == 400


def test_only_who_may_write_roles_changes_them(api: Client, admin: Client) -> None:
    api.admin("reset", {"without": ["prvWriteRole", "prvAssignRole"]})
    role = _role(admin, "a", {})
    assert api.post(f"roles({role})/{TYPE}AddPrivilegesRole", {"Privileges": []}).status_code == 403
    body = {"@odata.id": f"{api.base}roles({role})"}
    assert api.post(f"systemusers({api.me()})/systemuserroles_association/$ref", body).status_code == 403


def test_a_deleted_role_gives_nothing_any_more(admin: Client) -> None:
    role = _role(admin, "a", {"prvReadContact": "Global"})
    app = _application(admin, role)
    assert app.get("contacts").status_code == 200
    assert admin.delete(f"roles({role})").status_code == 204
    assert app.get("contacts").status_code == 403


def test_one_application_user_for_each_application(admin: Client) -> None:
    app = _application(admin)
    row = admin.row(f"systemusers({app.me()})")
    bind = {"businessunitid@odata.bind": f"/businessunits({row['_businessunitid_value']})"}
    again = admin.post("systemusers", {"applicationid": row["applicationid"], **bind})
    assert again.status_code == 412


def test_a_disabled_user_and_a_stranger_are_refused(api: Client, admin: Client) -> None:
    me = api.me()
    admin.patch(f"systemusers({me})", {"isdisabled": True})
    refused = api.get("WhoAmI")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "0x80040225")
    admin.delete(f"systemusers({me})")
    refused = api.get("WhoAmI")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "0x80072560")


def test_metadata_tells_the_privileges_of_a_table(api: Client) -> None:
    found = api.row("EntityDefinitions(LogicalName='contact')?$select=Privileges")["Privileges"]
    read = next(row for row in found if row["PrivilegeType"] == "Read")
    assert (read["Name"], read["CanBeBasic"]) == ("prvReadContact", True)
    assert read["PrivilegeId"] == _privilege_ids(api, "prvReadContact")["prvReadContact"]


# Depth


@pytest.fixture
def narrow(admin: Client) -> Client:
    """An application user who reaches only their own contacts."""
    rights = ("Read", "Create", "Write", "Delete", "Append", "AppendTo")
    return _application(admin, _role(admin, "narrow", {f"prv{right}Contact": "Basic" for right in rights}))


def test_basic_depth_reaches_own_rows_only(admin: Client, narrow: Client) -> None:
    mine = narrow.contact(emailaddress1="mine@x.org")
    theirs = admin.contact(emailaddress1="theirs@x.org")
    assert [row["contactid"] for row in narrow.values("contacts?$filter=statecode eq 0")] == [mine]
    assert narrow.get("contacts/$count").content.decode("utf-8-sig") == "1"
    fetch = quote("<fetch><entity name='contact'><attribute name='contactid'/></entity></fetch>")
    assert [row["contactid"] for row in narrow.values(f"contacts?fetchXml={fetch}")] == [mine]
    for method, right in (("GET", "Read"), ("PATCH", "Write"), ("DELETE", "Delete")):
        refused = narrow.send(method, f"contacts({theirs})", {"jobtitle": "x"} if method == "PATCH" else None)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "0x80040220")
        assert f"AccessRights: {right}Access" in refused.json()["error"]["message"]
    assert narrow.patch(f"contacts({mine})", {"jobtitle": "x"}).status_code == 204


def test_basic_depth_hides_rows_from_joins(admin: Client, narrow: Client) -> None:
    boss = admin.contact(lastname="Boss")
    bind = {"parentcustomerid_contact@odata.bind": f"/contacts({boss})"}
    narrow.contact(lastname="Child", **bind)
    found = narrow.values("contacts?$filter=parentcustomerid_contact/lastname eq 'Boss'")
    assert found == []
    assert len(admin.values("contacts?$filter=parentcustomerid_contact/lastname eq 'Boss'")) == 1
    inner = "<link-entity name='contact' from='contactid' to='parentcustomerid'/>"
    fetch = quote(f"<fetch><entity name='contact'><attribute name='lastname'/>{inner}</entity></fetch>")
    assert (len(narrow.values(f"contacts?fetchXml={fetch}")), len(admin.values(f"contacts?fetchXml={fetch}"))) == (0, 1)


@pytest.mark.parametrize("depth", ["Basic", "Local", "Deep"])
def test_change_tracking_needs_the_whole_organization(admin: Client, depth: str) -> None:
    track = {"Prefer": "odata.track-changes"}
    app = _application(admin, _role(admin, "a", {"prvReadContact": depth}))
    refused = app.get("contacts?$select=lastname", headers=track)
    assert (refused.status_code, "prvReadContact" in refused.text) == (403, True)
    link = admin.get("contacts?$select=lastname", headers=track).json()["@odata.deltaLink"]
    assert app.get(link).status_code == 403
    assert app.get("contacts?$select=lastname").status_code == 200


def test_who_acts_for_somebody_may_do_what_both_may(api: Client, admin: Client) -> None:
    app = _application(admin, _role(admin, "a", {"prvReadContact": "Global", "prvCreateContact": "Global"}))
    user = app.me()
    for_app = {"MSCRMCallerID": user}
    assert api.get("contacts", headers=for_app).status_code == 200
    assert api.get("leads", headers=for_app).status_code == 403
    api.admin("reset", {"without": ["prvReadContact"]})
    app = _application(admin, _role(admin, "a", {"prvReadContact": "Global"}))
    assert app.get("contacts").status_code == 200
    assert api.get("contacts", headers={"MSCRMCallerID": app.me()}).status_code == 403


def test_who_may_create_but_not_read_gets_no_representation(api: Client) -> None:
    api.admin("reset", {"without": ["prvReadContact"]})
    assert api.post("contacts", {"lastname": "A"}).status_code == 204
    assert api.post("contacts", {"lastname": "A"}, headers=REPRESENTATION).status_code == 403
