from __future__ import annotations

import pytest

from consent_sync.dataverse.changes import read_changes
from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import ChangesExpired, ChangeTrackingOff
from tests.dataverse.scripted import Answer, ScriptedServer, error

ID = "6d81597f-0f9f-e711-8122-000d3aa2331c"
TOKEN = "contacts?$select=fullname&$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"


def test_a_first_pass_gives_all_rows_and_a_token(client: DataverseClient, server: ScriptedServer) -> None:
    home = f"{server.url}/api/data/v9.2/"
    server.answers(
        Answer(body={"value": [{"contactid": ID}], "@odata.nextLink": f"{home}contacts?$skiptoken=x"}),
        Answer(body={"value": [], "@odata.deltaLink": home + TOKEN}),
    )
    first = read_changes(client, "contacts", select=["fullname"], at=None, page_size=1)
    last = read_changes(client, "contacts", select=["fullname"], at=first.after, page_size=1)
    assert (first.rows, first.deleted, first.token) == ([{"contactid": ID}], [], None)
    assert (last.rows, last.after, last.token) == ([], None, TOKEN)
    assert [asked.headers["Prefer"] for asked in server.asked] == ["odata.track-changes,odata.maxpagesize=1"] * 2
    assert server.asked[0].path.endswith("contacts?$select=fullname")


def test_a_later_pass_gives_changes_and_deletions(client: DataverseClient, server: ScriptedServer) -> None:
    deleted = {"@odata.context": "…#contacts/$deletedEntity", "id": ID.upper(), "reason": "deleted"}
    changed = {"contactid": "x", "reason": "moved", "id": "of another kind"}
    server.answers(
        Answer(body={"value": [changed, deleted], "@odata.deltaLink": f"{server.url}/api/data/v9.2/{TOKEN}2"})
    )
    page = read_changes(client, "contacts", select=["fullname"], at=TOKEN, page_size=5000)
    assert (page.rows, page.deleted, page.token) == ([changed], [ID], f"{TOKEN}2")
    assert server.asked[0].path == f"/api/data/v9.2/{TOKEN.replace('%2f', '%2F').replace('%3a', '%3A')}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(400, "0x80044352", "Version stamp associated with the client has expired."), ChangesExpired),
        (error(400, "-2147204270", "as a negative number"), ChangesExpired),
        (error(400, "0x80072491", "Change tracking is not enabled"), ChangeTrackingOff),
        (Answer(body={"value": []}), ChangeTrackingOff),
    ],
)
def test_expired_tokens_and_tables_without_tracking_are_told_apart(
    client: DataverseClient, server: ScriptedServer, answer: Answer, expected: type[Exception]
) -> None:
    server.answers(answer)
    with pytest.raises(expected):
        read_changes(client, "contacts", select=["fullname"], at=TOKEN, page_size=5000)
