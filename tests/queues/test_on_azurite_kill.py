"""A resync whose host is killed half-way, and of whose pages a share is done without a checkpoint, covers all, once."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from consent_sync.consent.model import Channel, ContactPoint
from consent_sync.engine.scopes import RECORDS
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from local.demo import check
from local.demo.dataverse import TABLES
from local.demo.servers import Server, free_port
from local.emulator import Emulator
from tests.functions.conftest import KEY, settings_for, wait_until
from tests.support.figures import Record, show

APP = Path(__file__).parent / "app"
PEOPLE, BAD_LUCK = 1000, 0.15
EVERY_SECOND = "* * * * * *"


@pytest.fixture(scope="module")
def company() -> Iterator[Emulator]:
    with Emulator(contacts=PEOPLE, seed=3) as emulator:
        yield emulator


class Host:
    """A host that can be killed and started again."""

    def __init__(self, emulator: Emulator, folder: Path, azurite: str) -> None:
        self.port, self.log = free_port(), folder / "host.log"
        changed = {"AzureWebJobsStorage": azurite, "SWEEP_SCHEDULE": EVERY_SECOND, "BAD_LUCK": str(BAD_LUCK)}
        self._settings = settings_for(emulator, folder, **changed)

    def start(self) -> Server:
        arguments = ["local.host", "--port", str(self.port), "--key", KEY, "--app", str(APP)]
        return Server(arguments, self._settings, "Functions host on", self.log)

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        url, headers = f"http://127.0.0.1:{self.port}/api/{path}", {"x-functions-key": KEY}
        answer = requests.request(method, url, headers=headers, timeout=30, **more)
        assert answer.ok, answer.text
        return answer.json()

    def begin(self) -> str:
        return self.call("POST", "resync", json={"scope": {"all": True}, "reason": "kill test"})["run"]

    def ended(self, run: str) -> dict[str, Any]:
        wait_until(lambda: self.call("GET", f"resync/{run}")["state"] == "done", 120)
        return self.call("GET", f"resync/{run}")


def decided_once(folder: Path, run: str) -> int:
    """How many contact points the pages over the records decided; odd spellings are looked at from both sides."""
    ledger = SqliteLedger(folder / "ledger.sqlite", SubjectKeys("hash-key"))
    decided = sum(part.tally.decided for part in ledger.parts(run) if part.source.table in RECORDS)
    ledger.close()
    return decided


def test_a_killed_run_still_covers_everybody_once(
    company: Emulator, queues: str, tmp_path: Path, record_property: Record
) -> None:
    tables = requests.get(f"{company.url}/_emulator/snapshot", params={"tables": ",".join(TABLES)}, timeout=30).json()
    rows = [row for table in ("contact", "lead") for row in tables[table]]
    held = Counter(point for row in rows if (point := ContactPoint.of(Channel.EMAIL, row["emailaddress1"])))
    points = {point for point, count in held.items() if point.reachable or count == 1}  # others are placeholders
    host = Host(company, tmp_path, queues)
    server, started = host.start(), time.monotonic()
    try:
        run = host.begin()
        wait_until(lambda: host.call("GET", f"resync/{run}")["read"] > len(points) / 3, 60)
        server.kill()
        killed_at = time.monotonic() - started
        server = host.start()
        view, seconds = host.ended(run), time.monotonic() - started
        second = host.ended(host.begin())
    finally:
        server.stop()
    after = requests.get(f"{company.url}/_emulator/snapshot", params={"tables": ",".join(TABLES)}, timeout=30).json()
    struck = len(re.findall(r"failed: .*StruckError", host.log.read_text(encoding="utf-8")))
    decided = decided_once(tmp_path, run)
    covered = f"{decided:,} of {len(points):,} contact points decided, {view['written']} writes counted"
    times = f"host killed after {killed_at:.1f} s, {struck} pages done without a checkpoint, done after {seconds:.1f} s"
    show(record_property, f"kill: {covered}; {times}; second pass: {second['written']} written")
    assert struck > 0
    assert decided == len(points)
    assert (second["written"], second["planned"]) == (0, [])
    assert check.contradictions(after) == []
