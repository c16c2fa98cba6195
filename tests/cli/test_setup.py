"""``setup`` and ``uninstall``: idempotent, with exactly the privileges needed, and without a trace afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_sync.operate.setup import ROLE
from consent_sync.tenant.privileges import SERVICE
from local.emulator import Emulator
from local.emulator.seed import fixed_id
from tests.cli.conftest import Ended, FunctionApp, Terminal
from tests.emulator.support import Client

APPLICATION = fixed_id("the managed identity")
ADMIN, SERVICE_TOKEN = "admin@emulator.example", "consent-sync@emulator.example"


@pytest.fixture
def admin(run: Terminal, function_app: FunctionApp) -> Terminal:
    """The command line in the hands of an administrator, who knows the service's identity."""
    assert function_app.url
    run.set(DATAVERSE_TOKEN=ADMIN, IDENTITY_CLIENT_ID=APPLICATION)
    return run


def states(ended: Ended) -> dict[str, str]:
    return {step["name"]: step["state"] for step in ended.json["steps"]}


def user(dataverse: Client) -> dict[str, object]:
    (row,) = dataverse.values(f"systemusers?$filter=applicationid eq {APPLICATION}")
    return row


def test_setup_and_uninstall_leave_the_environment_as_it_was(admin: Terminal, dataverse: Client) -> None:
    before = dataverse.admin("snapshot")
    first = admin("setup", "--yes", "--json")
    assert first.code == 0
    assert states(first) == {
        "webhook key": "in place",
        "application user": "done",
        "security role": "done",
        "role of the user": "done",
        "webhook": "done",
    }
    assert dataverse.admin("snapshot") != before
    assert admin("uninstall", "--yes").code == 0
    assert dataverse.admin("snapshot") == before


def test_a_second_setup_finds_everything_in_place_and_changes_nothing(admin: Terminal, dataverse: Client) -> None:
    admin("setup", "--yes")
    before = dataverse.admin("snapshot")
    second = admin("setup", "--json")
    assert (second.code, set(states(second).values())) == (0, {"in place"})
    assert dataverse.admin("snapshot") == before


def test_the_user_may_do_exactly_what_the_service_needs(admin: Terminal, dataverse: Client) -> None:
    admin("setup", "--yes")
    path = f"systemusers({user(dataverse)['systemuserid']})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    held = {(row["PrivilegeName"].lower(), row["Depth"]) for row in dataverse.row(path)["RolePrivileges"]}
    assert held == {(privilege.name.lower(), "Global") for privilege in SERVICE}


def test_these_privileges_are_enough_for_a_full_two_way_repair(
    admin: Terminal, dataverse: Client, emulator: Emulator
) -> None:
    dataverse.admin("reset", {"contacts": 150, "seed": 3})
    assert emulator.url
    admin("setup", "--yes")
    dataverse.patch(f"systemusers({user(dataverse)['systemuserid']})", {"domainname": SERVICE_TOKEN})
    admin.set(DATAVERSE_TOKEN=SERVICE_TOKEN)
    repaired = admin("resync", "--all", "--json")
    kinds = {change["change"] for change in repaired.json["planned"]}
    assert repaired.json["state"] == "done"
    assert kinds >= {"flag out", "row out", "list out", "opt_out_list out"}
    assert repaired.json["written"] == sum(change["count"] for change in repaired.json["planned"])
    assert admin("resync", "--all", "--dry-run").code == 0


def test_setup_ends_with_a_plan_and_what_comes_next(admin: Terminal, dataverse: Client) -> None:
    dataverse.admin("reset", {"contacts": 100, "seed": 1})
    before = dataverse.admin("snapshot?tables=contact,lead,listmember,msdynmkt_contactpointconsent4")
    ended = admin("setup", "--yes", "--json")
    assert ended.json["plan"]["dry_run"] is True
    assert sum(change["count"] for change in ended.json["plan"]["planned"]) > 10
    assert "policy.mode" in ended.json["next"]
    assert dataverse.admin("snapshot?tables=contact,lead,listmember,msdynmkt_contactpointconsent4") == before


def test_people_see_what_was_found_and_done(admin: Terminal) -> None:
    out = admin("setup", "--yes").out
    assert "application user: there is none -> let the application" in out
    assert f"security role: there is none -> make '{ROLE}' with {len(SERVICE)} privileges" in out
    assert "two-way" in out


def test_a_dry_run_shows_the_steps_and_changes_nothing(admin: Terminal, dataverse: Client) -> None:
    before = dataverse.admin("snapshot")
    ended = admin("setup", "--dry-run", "--json")
    assert ended.code == 2
    assert [state for name, state in states(ended).items() if name != "webhook key"] == ["would be done"] * 4
    assert dataverse.admin("snapshot") == before


def test_where_nobody_can_be_asked_nothing_is_changed(admin: Terminal, dataverse: Client) -> None:
    before = dataverse.admin("snapshot")
    ended = admin("setup")
    assert ended.code == 1
    assert "--yes" in ended.err
    assert dataverse.admin("snapshot") == before


@pytest.mark.parametrize(("answer", "state"), [(True, "done"), (False, "declined")])
def test_at_a_terminal_every_step_is_asked_for(
    admin: Terminal, monkeypatch: pytest.MonkeyPatch, *, answer: bool, state: str
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    ended = admin("setup", "--json")
    assert len(asked) == 4
    assert [s for name, s in states(ended).items() if name != "webhook key"] == [state] * 4


def test_what_was_there_before_setup_stays(admin: Terminal, dataverse: Client) -> None:
    unit = dataverse.values("businessunits?$select=businessunitid")[0]["businessunitid"]
    bound = {"businessunitid@odata.bind": f"/businessunits({unit})"}
    dataverse.create("systemusers", applicationid=APPLICATION, **bound)
    dataverse.create("roles", name=ROLE, **bound)
    before = dataverse.admin("snapshot?tables=systemuser,role,systemuserroles")
    assert states(admin("setup", "--yes", "--json"))["application user"] == "in place"
    ended = admin("uninstall", "--yes", "--json")
    assert states(ended) == {"webhook": "done", "security role": "done", "application user": "in place"}
    after = dataverse.admin("snapshot?tables=systemuser,role,systemuserroles")
    assert after["systemuserroles"] == before["systemuserroles"]
    assert [row["name"] for row in after["role"]] == [row["name"] for row in before["role"]]
    assert len(after["systemuser"]) == len(before["systemuser"])


def change_the_role(dataverse: Client, action: str, privilege: str) -> None:
    (role,) = dataverse.values(f"roles?$filter=name eq '{ROLE}'")
    id_ = dataverse.values(f"privileges?$filter=name eq '{privilege}'")[0]["privilegeid"]
    if action == "RemovePrivilegeRole":
        body: dict[str, object] = {"PrivilegeId": id_}
    else:
        body = {"Privileges": [{"PrivilegeId": id_, "Depth": "Global"}]}
    assert dataverse.post(f"roles({role['roleid']})/Microsoft.Dynamics.CRM.{action}", body).status_code == 204


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("RemovePrivilegeRole", "prvReadContact"), "lacks prvReadContact"),
        (("AddPrivilegesRole", "prvDeleteContact"), "holds prvdeletecontact too"),
    ],
)
def test_a_role_that_somebody_changed_is_put_right(
    admin: Terminal, dataverse: Client, change: tuple[str, str], says: str
) -> None:
    admin("setup", "--yes")
    change_the_role(dataverse, *change)
    ended = admin("setup", "--yes", "--json")
    assert [says in step["found"] for step in ended.json["steps"] if step["state"] == "done"] == [True]
    assert set(states(admin("setup", "--json")).values()) == {"in place"}


def test_an_app_without_the_key_is_told_first(admin: Terminal, function_app: FunctionApp) -> None:
    function_app.keys = ("another",)
    ended = admin("setup", "--yes", "--json")
    assert ended.json["steps"][0]["found"] == "the function app does not take it yet"
    assert ended.code == 1


def test_fresh_secrets_are_made_for_a_new_installation(admin: Terminal, tmp_path: Path) -> None:
    admin.set(WEBHOOK_KEYS="", LEDGER_HASH_KEY="")
    assert "--secrets" in admin("setup", "--yes").err
    file = tmp_path / "secrets.env"
    ended = admin("setup", "--yes", "--secrets", str(file))
    lines = dict(line.split("=") for line in file.read_text(encoding="utf-8").splitlines())
    assert lines.keys() == {"WEBHOOK_KEYS", "LEDGER_HASH_KEY"}
    assert all(len(value) > 40 and value not in ended.out + ended.err for value in lines.values())


@pytest.mark.parametrize(("setting", "says"), [("IDENTITY_CLIENT_ID", "--application-id"), ("WEBHOOK_URL", "--url")])
def test_what_is_not_known_is_asked_for(admin: Terminal, setting: str, says: str) -> None:
    admin.set(**{setting: ""})
    ended = admin("setup", "--yes")
    assert ended.code == 1
    assert says in ended.err


def test_somebody_without_the_rights_is_told_which(admin: Terminal, dataverse: Client) -> None:
    dataverse.admin("reset", {"without": ["prvCreateRole"]})
    admin.set(DATAVERSE_TOKEN="service")
    ended = admin("setup", "--yes")
    assert ended.code == 1
    assert "prvCreateRole" in ended.err
