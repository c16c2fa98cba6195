"""Lines 62 to 67 of the fidelity checklist: merge, lists, users, metadata."""

from __future__ import annotations

from typing import Any

import pytest

from .support import GUID, TYPE, Client, Sink

GONE = "11111111-2222-3333-4444-555555555555"


def _entity(kind: str, key: str, **fields: Any) -> dict[str, Any]:
    return {"@odata.type": f"{TYPE}{kind}", f"{kind}id": key, **fields}


def _merge(target: str, subordinate: str, **more: Any) -> dict[str, Any]:
    both = {"Target": _entity("contact", target), "Subordinate": _entity("contact", subordinate)}
    return {**both, "PerformParentingChecks": False, **more}


def test_checklist_62_merge(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    api.step(endpoint, "Merge", "contact")
    api.step(endpoint, "Update", "contact")
    master, other = api.contact(lastname="Master", emailaddress1="m@x.org"), api.contact(lastname="Other")
    bind = {"parentcustomerid_contact@odata.bind": f"/contacts({other})"}
    child = api.contact(**bind)
    list_id = api.create("lists", listname="News", createdfromcode=2)
    api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": other})
    content = {"@odata.type": f"{TYPE}contact", "jobtitle": "Boss", "emailaddress1": None}
    assert api.post("Merge", _merge(master, other, UpdateContent=content)).status_code == 204
    kept, gone = api.row(f"contacts({master})"), api.row(f"contacts({other})")
    assert (kept["jobtitle"], kept["emailaddress1"], kept["statecode"]) == ("Boss", "m@x.org", 0)
    assert (gone["statecode"], gone["statuscode"], gone["merged"], gone["_masterid_value"]) == (1, 2, True, master)
    assert api.row(f"contacts({child})")["_parentcustomerid_value"] == master
    members = api.values(f"listmembers?$filter=_listid_value eq {list_id}")
    assert [row["_entityid_value"] for row in members] == [master]
    api.settle()
    merged = next(call for call in sink.calls if call.body["MessageName"] == "Merge")
    assert merged.body["PrimaryEntityId"] == merged.parameters["Target"]["Id"] == master
    assert merged.parameters["SubordinateId"] == other
    assert {"UpdateContent", "PerformParentingChecks"} <= set(merged.parameters)
    updated = {call.body["PrimaryEntityId"] for call in sink.calls if call.body["MessageName"] == "Update"}
    assert updated == {master, other}


def test_checklist_62_merge_refusals(api: Client) -> None:
    first, second = api.contact(), api.contact()

    def code(body: dict[str, Any]) -> str:
        return api.post("Merge", body).json()["error"]["code"]

    assert code(_merge(first, first)) == "0x80045305"
    assert code(_merge(first, GONE)) == "0x80040217"
    untyped = {**_merge(first, second), "Target": {"contactid": first}}
    assert api.post("Merge", untyped).status_code == 400
    for key, name in ((first, "A"), (second, "B")):
        account = api.create("accounts", name=name)
        api.patch(f"contacts({key})", {"parentcustomerid_account@odata.bind": f"/accounts({account})"})
    assert code(_merge(first, second, PerformParentingChecks=True)) == "0x80045316"
    assert api.post("Merge", _merge(first, second)).status_code == 204
    assert code(_merge(first, second)) == "0x80045304"


def _members(api: Client, list_id: str) -> set[str]:
    query = f"listmembers?$filter=_listid_value eq {list_id}&$select=_entityid_value,listmemberid,entitytype"
    return {row["_entityid_value"] for row in api.values(query)}


def test_checklist_63_list_actions(api: Client) -> None:
    keys = [api.contact() for _ in range(3)]
    lists = {"List": _entity("list", list_id := api.create("lists", listname="News", createdfromcode=2))}
    many = {**lists, "Members": [_entity("contact", key) for key in keys[:2]]}
    assert api.post("AddListMembersList", many).status_code == 204
    added = api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": keys[2]})
    assert added.status_code == 200
    again = api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": keys[2]})
    assert again.json()["Id"] == added.json()["Id"]
    assert _members(api, list_id) == set(keys)
    assert api.row(f"lists({list_id})")["membercount"] == 3
    association = f"lists({list_id})/listcontact_association"
    assert {row["contactid"] for row in api.values(f"{association}?$select=fullname")} == set(keys)
    assert api.post(f"lists({list_id})/{TYPE}RemoveMemberList", {"EntityId": keys[2]}).status_code == 204
    odd = {"ListMember": {"listmemberid": keys[1]}}
    assert api.post(f"lists({list_id})/{TYPE}RemoveMemberList", odd).status_code == 204
    assert _members(api, list_id) == {keys[0]}
    gone = api.post("RemoveListMembersList", many)
    assert (gone.status_code, gone.json()["error"]["code"]) == (400, "0x80048458")
    assert _members(api, list_id) == {keys[0]}
    assert api.post("RemoveListMembersList", {**lists, "Members": [_entity("contact", keys[0])]}).status_code == 204
    assert api.row(f"lists({list_id})")["membercount"] == 0


def test_checklist_63_lists_refuse_what_does_not_fit(api: Client) -> None:
    lead = api.create("leads", subject="s", lastname="L")
    contact = api.contact()
    list_id = api.create("lists", listname="News", createdfromcode=2)

    def add(target: str, *members: dict[str, Any]) -> str:
        response = api.post("AddListMembersList", {"List": _entity("list", target), "Members": list(members)})
        return "" if response.status_code == 204 else response.json()["error"]["code"]

    assert add(list_id, _entity("lead", lead)) == "0x80040301"
    assert add(list_id, _entity("contact", GONE)) == "0x80040217"
    assert add(GONE, _entity("contact", contact)) == "0x80040217"
    assert add(list_id) == "0x80040203"
    assert add(list_id, {"contactid": contact})
    assert add(list_id, _entity("contact", contact), _entity("lead", lead)) == "0x80040301"
    assert _members(api, list_id) == set()
    for fields in ({"type": True}, {"lockstatus": True}, {"statecode": 1}):
        closed = api.create("lists", listname="Closed", createdfromcode=2)
        assert api.patch(f"lists({closed})", fields).status_code == 204
        assert add(closed, _entity("contact", contact)) == "0x80040203"
    api.patch(f"lists({list_id})", {"createdfromcode": 4})
    assert api.row(f"lists({list_id})")["createdfromcode"] == 2


def test_checklist_63_membership_events_on_both_tables(api: Client, sink: Sink) -> None:
    endpoint = api.endpoint(sink.url)
    for message, table in (
        *(("Create", "listmember"), ("Delete", "listmember"), ("AddMemberList", "list")),
        *(("AddListMembersList", "list"), ("RemoveMemberList", "list"), ("RemoveListMembersList", "list")),
    ):
        step = api.step(endpoint, message, table)
        if message == "Delete":
            image = api.image_body(step, 0, attributes="listid,entityid,entitytype")
            assert api.post("sdkmessageprocessingstepimages", image).status_code == 204
    key = api.contact()
    list_id = api.create("lists", listname="News", createdfromcode=2)
    bound = f"lists({list_id})/{TYPE}"
    both = {"List": _entity("list", list_id), "Members": [_entity("contact", key)]}

    def events(path: str, body: dict[str, Any]) -> dict[str, Any]:
        sink.clear()
        assert api.post(f"{path}?tag=mine", body).status_code in {200, 204}
        api.settle()
        return {call.body["MessageName"]: call for call in sink.calls}

    seen = events(f"{bound}AddMemberList", {"EntityId": key})
    assert seen["AddMemberList"].parameters == {"ListId": list_id, "EntityId": key}
    assert seen["AddMemberList"].body["SharedVariables"] == [{"key": "tag", "value": "mine"}]
    assert seen["Create"].target["entityid"]["LogicalName"] == "contact"
    seen = events(f"{bound}RemoveMemberList", {"EntityId": key})
    assert seen["RemoveMemberList"].parameters == {"ListId": list_id, "EntityId": key}
    image = seen["Delete"].image("image", pre=True)
    assert (image["listid"]["Id"], image["entityid"]["Id"], image["entitytype"]) == (list_id, key, 2)
    seen = events("AddListMembersList", both)
    assert set(seen) == {"Create", "AddListMembersList"}
    assert seen["AddListMembersList"].parameters == {"ListId": list_id, "MemberIds": [key]}
    assert set(events("RemoveListMembersList", both)) == {"Delete", "RemoveListMembersList"}


def test_checklist_64_listmember_can_be_deleted_but_not_changed(api: Client) -> None:
    key, list_id = api.contact(), api.create("lists", listname="News", createdfromcode=2)
    row = api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": key}).json()["Id"]
    refused = api.patch(f"listmembers({row})", {"entitytype": 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "0x80040800")
    assert api.get(f"listmembers({row})").json()["error"]["code"] == "0x80040800"
    assert api.post("listmembers", {"entitytype": 2}).status_code == 501
    assert api.delete(f"listmembers({row})").status_code == 204
    assert api.delete(f"listmembers({row})").status_code == 404
    assert api.row(f"lists({list_id})")["membercount"] == 0


def test_checklist_64_members_go_with_their_list_or_person(api: Client) -> None:
    keys = [api.contact(), api.contact()]
    list_id = api.create("lists", listname="News", createdfromcode=2)
    for key in keys:
        api.post(f"lists({list_id})/{TYPE}AddMemberList", {"EntityId": key})
    api.delete(f"contacts({keys[0]})")
    assert _members(api, list_id) == {keys[1]}
    assert api.row(f"lists({list_id})")["membercount"] == 1
    api.delete(f"lists({list_id})")
    assert api.values("listmembers") == []


def test_checklist_65_who_am_i(api: Client) -> None:
    plain, called = api.row("WhoAmI"), api.row("WhoAmI()")
    assert plain == called
    assert plain["@odata.context"].endswith("#Microsoft.Dynamics.CRM.WhoAmIResponse")
    assert api.row(f"systemusers({plain['UserId']})")["fullname"] == "Application User"
    assert api.row(f"organizations({plain['OrganizationId']})")["expirechangetrackingindays"] == 7
    staff = Client(api.url, "staff@emulator.example")
    assert staff.row(f"systemusers({staff.me()})")["fullname"] == "Staff Member"


@pytest.mark.parametrize(
    ("header", "column"),
    [("CallerObjectId", "azureactivedirectoryobjectid"), ("MSCRMCallerID", "systemuserid")],
)
def test_checklist_66_impersonation(api: Client, sink: Sink, header: str, column: str) -> None:
    api.step(api.endpoint(sink.url), "Create", "contact")
    staff = api.values("systemusers?$filter=fullname eq 'Staff Member'")[0]
    created = api.post("contacts", {"lastname": "A"}, headers={header: staff[column]})
    row = api.row(f"contacts({GUID.findall(created.headers['OData-EntityId'])[-1]})")
    assert row["_createdby_value"] == row["_ownerid_value"] == staff["systemuserid"]
    assert row["_createdonbehalfby_value"] == row["_modifiedonbehalfby_value"] == api.me()
    api.settle()
    assert sink.calls[0].body["UserId"] == staff["systemuserid"]
    assert sink.calls[0].target["modifiedonbehalfby"]["Id"] == api.me()
    assert api.post("contacts", {"lastname": "A"}, headers={header: GONE}).status_code == 403
    no_right = Client(api.url, "staff@emulator.example")
    assert no_right.post("contacts", {"lastname": "A"}, headers={header: staff[column]}).status_code == 403


def test_checklist_67_metadata_that_clients_ask_for(api: Client) -> None:
    one = api.row("EntityDefinitions(LogicalName='contact')?$select=EntitySetName,PrimaryIdAttribute")
    assert (one["EntitySetName"], one["PrimaryIdAttribute"]) == ("contacts", "contactid")
    found = api.values("EntityDefinitions?$filter=LogicalName eq 'contact'&$select=LogicalName&$expand=Attributes,Keys")
    assert [row["LogicalName"] for row in found] == ["contact"]
    lengths = {row["LogicalName"]: row.get("MaxLength") for row in found[0]["Attributes"]}
    assert lengths["emailaddress1"] == 100
    tracked = api.values("EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq true")
    assert {"contact", "lead"} <= {row["LogicalName"] for row in tracked}
    assert "listmember" not in {row["LogicalName"] for row in tracked}
    assert api.row("EntityDefinitions(LogicalName='contact')")["CanChangeTrackingBeEnabled"]["Value"] is True
    consent = "EntityDefinitions(LogicalName='msdynmkt_contactpointconsent4')"
    cast = "Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    lists = api.values(f"{consent}/{cast}?$select=LogicalName&$expand=OptionSet($select=Options)")
    values = {row["LogicalName"]: [option["Value"] for option in row["OptionSet"]["Options"]] for row in lists}
    assert values["msdynmkt_value"] == [534120000, 534120001, 534120002]
    up = api.values(f"{consent}/ManyToOneRelationships")
    assert "msdynmkt_purposeId" in {row["ReferencingEntityNavigationPropertyName"] for row in up}
    down = api.values("EntityDefinitions(LogicalName='msdynmkt_purpose')/OneToManyRelationships")
    assert "msdynmkt_msdynmkt_purpose_msdynmkt_topic" in {row["SchemaName"] for row in down}
    column = api.row("EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='msgdpr_donottrack')")
    assert column["AttributeType"] == "Boolean"
    for missing in (
        "EntityDefinitions(LogicalName='shoe')",
        "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='x')",
    ):
        assert api.get(missing).status_code == 404
    assert api.values("EntityDefinitions(LogicalName='contact')/Keys") == []


def test_compliance_profile_and_purposes_are_many_to_many(api: Client, sink: Sink) -> None:
    name = "msdynmkt_msdynmkt_purpose_msdynmkt_compliancev4"
    api.step(api.endpoint(sink.url), "Associate", "msdynmkt_compliancesettings4")
    kinds = {"msdynmkt_type": 534120000, "msdynmkt_enforcementmodel": 534120000}
    purpose = api.create("msdynmkt_purposes", msdynmkt_name="News", **kinds)
    profile = api.create("msdynmkt_compliancesettings4s", msdynmkt_name="Contoso")
    link = f"msdynmkt_compliancesettings4s({profile})/{name}/$ref"
    body = {"@odata.id": f"{api.base}msdynmkt_purposes({purpose})"}
    assert api.post(link, body).status_code == 204
    assert api.post(link, body).status_code == 412
    api.settle()
    assert sink.calls[0].parameters["Relationship"]["SchemaName"] == name
    expanded = f"msdynmkt_compliancesettings4s?$select=msdynmkt_name&$expand={name}($select=msdynmkt_name)"
    assert [row["msdynmkt_purposeid"] for row in api.values(expanded)[0][name]] == [purpose]
    back = api.values(f"msdynmkt_purposes({purpose})/{name}?$select=msdynmkt_name")
    assert [row["msdynmkt_compliancesettings4id"] for row in back] == [profile]
    assert len(api.values(f"{name}set")) == 1
    unlink = f"msdynmkt_compliancesettings4s({profile})/{name}({purpose})/$ref"
    assert api.delete(unlink).status_code == 204
    assert api.values(f"{name}set") == []
