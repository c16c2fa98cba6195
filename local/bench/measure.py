"""One company of one size: what each piece of work costs us, the arithmetic minimum, and the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from local.demo.servers import ROOT

from .others import Cost, PlainLoop, SampleFlow
from .place import Place

PAGE, BATCH = 5000, 1000
EVENTS = 1000
DRIFTS = (0, 100, 10_000)
_SAMPLE = 200
"""Records and writes of which the cost of one is measured, where doing all of them would take hours."""


@dataclass(frozen=True, slots=True)
class Company:
    """How many contacts and leads, made of which seed; without `everything`, no look at everybody that only reads."""

    contacts: int
    seed: int = 1
    everything: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work: `work` names ours, `full` if it has to look at everything, `flagged` contacts before it begins.

    What `before` names is done before, unmeasured. The plain loop sends `singly` requests for one row each, besides
    reading everything where it `reads`.
    """

    label: str
    work: str
    full: bool = False
    flagged: int = 0
    told: bool = False
    singly: int = 0
    reads: bool = True
    before: str = ""


@dataclass(frozen=True, slots=True)
class Ours:
    """What a piece of work cost us; `peak` is memory over the idle process, in MB."""

    requests: int
    seconds: float
    peak: float
    written: int


@dataclass(frozen=True, slots=True)
class Line:
    """One job at one size, for everybody; `pages` is how many the tables have."""

    contacts: int
    job: Job
    ours: Ours
    pages: int
    flow: Cost
    loop: Cost

    @property
    def minimum(self) -> int:
        """Requests that nobody can do without: pages of 5,000 rows or one query, and batches of 1,000 writes."""
        return (self.pages if self.job.full else 1) + ceil(self.ours.written / BATCH)


def jobs(company: Company, differences: int) -> Iterator[Job]:
    """Give the jobs for a company in which the plain loop finds so many `differences`."""
    if company.everything:
        yield Job("first plan", "plan", full=True)
    yield Job("resync, everything repaired", "resync", full=True, singly=differences)
    if company.everything:
        yield Job("resync, all in step", "resync", full=True)
    yield Job("sweep for changes, none", "sweep", before="follow")
    for drifts in DRIFTS:
        if drifts <= company.contacts / 3:
            yield Job(f"sweep for drift, {drifts:,}", "drift", flagged=drifts, singly=2 * drifts)
    yield Job("sweep for drift, 0, all compared", "refused", full=True)
    reads_and_writes = 2 + 2
    yield Job(
        f"{EVENTS:,} events at once",
        "burst",
        flagged=EVENTS,
        told=True,
        singly=reads_and_writes * EVENTS,
        reads=False,
    )


def measure(company: Company, folder: Path, say: Callable[[str], None]) -> list[Line]:
    """Do all the work on a company."""
    contacts = company.contacts
    say(f"{contacts:,}: loading the company")
    with Place(contacts, company.seed, folder) as place:
        counts = place.counts()
        pages = sum(ceil(count / PAGE) for count in counts.values())
        say(f"{contacts:,}: the plain loop reads")
        loop = PlainLoop(place.url)
        reading, differences = loop.read_and_compare()
        found: list[tuple[Job, Ours]] = []
        people = place.contacts_without_flag(_SAMPLE + EVENTS + sum(DRIFTS))
        for job in jobs(company, differences):
            say(f"{contacts:,}: {job.label}")
            chosen = [people.pop() for _ in range(job.flagged)]
            place.flag(chosen)
            if job.before:
                _ours(job.before, place.settings)
            found.append((job, _ours(job.work, place.settings, json.dumps(chosen) if job.told else "")))
        say(f"{contacts:,}: the sample flow, and the loop's writes")
        one, write = SampleFlow(place.url).cost_of_one(people[:_SAMPLE]), loop.cost_of_one_write(_SAMPLE)
    records = counts["contact"] + counts["lead"]
    return [
        Line(
            contacts,
            job,
            ours,
            pages,
            flow=one * (job.flagged if job.told else records),
            loop=write * job.singly + reading * job.reads,
        )
        for job, ours in found
    ]


def _ours(work: str, settings: Mapping[str, str], told: str = "") -> Ours:
    """Do one piece of work in a process of its own."""
    done = subprocess.run(  # noqa: S603  - our own module
        [sys.executable, "-m", "local.bench.ours", work],
        cwd=ROOT,
        env=os.environ | settings,
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{work} failed:\n{done.stderr[-2000:]}")
    return Ours(**json.loads(done.stdout.splitlines()[-1]))
