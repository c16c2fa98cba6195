"""``copy-ledger``: the service goes on from the copy as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Terminal
from tests.emulator.support import Client


def test_the_copy_holds_the_same_and_the_service_goes_on_from_it(
    run: Terminal, dataverse: Client, tmp_path: Path
) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    run("resync", "--all")
    target = f"sqlite:///{(tmp_path / 'copy.sqlite').as_posix()}"
    view = run("copy-ledger", target, "--json").json
    assert view["subjects"] >= 2
    assert view["lines"] > 0
    run.set(LEDGER_URL=target)
    assert run("verify-proof").code == 0
    resync = run("resync", "--all", "--json").json
    assert resync["written"] == 0


def test_a_copy_into_a_ledger_of_its_own_is_refused_with_its_remedy(
    run: Terminal, dataverse: Client, tmp_path: Path, settings: dict[str, str]
) -> None:
    dataverse.contact(emailaddress1="ann@example.com", donotbulkemail=True)
    target = f"sqlite:///{(tmp_path / 'other.sqlite').as_posix()}"
    run.set(LEDGER_URL=target)
    run("resync", "--all")
    run.set(LEDGER_URL=settings["LEDGER_URL"])
    run("resync", "--all")
    ended = run("copy-ledger", target)
    assert ended.code == 1
    assert "Give an empty place" in " ".join(ended.err.split())


def test_an_address_that_is_no_ledger_is_refused(run: Terminal, dataverse: Client) -> None:
    assert dataverse.url
    ended = run("copy-ledger", "ftp://somewhere")
    assert (ended.code, "LEDGER_URL" in ended.err) == (1, True)
