"""The figures as a page: one table for each size, what grows how, and every target that is missed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from .deciding import POINTS, RUNS, Throughput
from .figures import Figures, Size
from .measure import Line

MEMORY = 150.0  # MB over the idle process
FLOW_TIMES, LOOP_TIMES = 20, 5
COMPARED = 1.05  # times the pages of both sides
DECIDED = 100_000  # contact points a second
DRIFTS_PER_REQUEST = 100
MILLION = 1_000_000

_HEAD = """\
# Benchmark

Written by `python3 dev.py bench --write` from the figures it keeps in `bench.json`. All about a company of one size is
measured in one run, on one machine, against the emulator, which runs as a process of its own: compare the figures with
each other, not with other machines. Seconds suffer from whatever else the machine does at the time; requests and
memory do not.

- **ours**: round trips, seconds, and the most memory that the process ever held, less what it holds idle.
- **minimum**: what nobody can do without: pages of 5,000 rows for what looks at everything, one query for what does
  not, and batches of 1,000 writes.
- **sample flow**: Microsoft's sample flow, one list request and one write for each record, for one purpose. It has no
  sweep, so it runs over everybody. The cost of one record is measured on 200 of them.
- **loop**: a plain loop with the public package `dataverse-api`: it reads every page of both sides, compares in memory
  and writes row by row; for an event it reads both sides of one person. Reading is measured, one write on 200 of them.

Both others do less: no lists, no topics, no shared addresses, no memory of what anybody said.

The sweep for changes goes by change tracking, which is on for all four tables here: a sweep before, not measured, got
it its tokens. A table without it is read by the times of its rows, and the lists are compared with what the ledger
remembers ([how](sweeps.md)). *All compared* is the drift sweep on a server that refused every question: both sides are
read.
"""


def page(figures: Figures) -> str:
    """Write the page."""
    sections: dict[str, Iterator[str]] = {}
    for size in figures.sizes:
        sections[f"{size.contacts:,} contacts and leads"] = _size(size)
    if len(figures.sizes) > 1:
        sections["Growth"] = _growth([line for size in figures.sizes for line in size.lines])
    if figures.deciding:
        sections["Deciding alone, one core"] = _deciding(figures.deciding)
    return "\n".join([_HEAD, *(f"## {title}\n\n{'\n'.join(lines)}\n" for title, lines in sections.items())])


def _size(size: Size) -> Iterator[str]:
    yield f"Measured on {size.day} by `{size.command}`."
    yield ""
    yield from _table(size.lines)


def _table(lines: Sequence[Line]) -> Iterator[str]:
    quiet = next(line.ours.requests for line in lines if line.job.work == "drift" and not line.job.flagged)
    titles = ("work", "requests", "minimum", "sample flow", "loop", "seconds", "flow, s", "loop, s", "memory, MB")
    yield f"| {' | '.join(titles)} | writes | targets |"
    yield f"|---{'|--:' * len(titles)}|---|"
    for line in lines:
        ours, flow, loop = line.ours, line.flow, line.loop
        cells = (
            line.job.label,
            f"{ours.requests:,}",
            f"{line.minimum:,}",
            f"{flow.requests:,.0f} ({flow.requests / ours.requests:,.0f}x)",
            f"{loop.requests:,.0f} ({loop.requests / ours.requests:,.1f}x)",
            f"{ours.seconds:,.1f}",
            f"{flow.seconds:,.0f}",
            f"{loop.seconds:,.0f}",
            f"{ours.peak:,.0f}",
            f"{ours.written:,}",
            "; ".join(_missed(line, quiet)) or "met",
        )
        yield f"| {' | '.join(cells)} |"


def _missed(line: Line, quiet: int) -> Iterator[str]:
    """Say which targets are missed, by how much and why; a drift sweep that finds nothing takes `quiet` requests."""
    ours, job = line.ours, line.job
    allowed = {
        "drift": quiet + 2 * math.ceil(job.flagged / DRIFTS_PER_REQUEST),
        "refused": math.floor(COMPARED * line.pages),
    }.get(job.work, ours.requests)
    if ours.requests > allowed:
        yield f"{ours.requests - allowed:,} requests over the {allowed:,} of the target{_WHY.get(job.work, '')}"
    if ours.peak > MEMORY:
        yield f"{ours.peak - MEMORY:,.0f} MB over the {MEMORY:,.0f} of the target"
    flow, loop = line.flow.requests / ours.requests, line.loop.requests / ours.requests
    if flow < FLOW_TIMES:
        yield f"{flow:.1f}x fewer requests than the flow, not {FLOW_TIMES}x"
    if loop < LOOP_TIMES:
        yield f"{loop:.1f}x fewer requests than the loop, not {LOOP_TIMES}x{_WHY.get(job.work, _WHY_LOOP)}"


_WHY_LOOP = ": it takes as many for any number of people, and the loop reads so few people in few pages"
_LOOK = (
    ": a look at everybody asks for all that shares an address with them, 500 people at a time, and takes two requests "
    "for them, and one for each further ring of addresses; the loop takes whole pages, and nobody can read in a fifth "
    "of these"
)
_WHY = {
    "plan": _LOOK,
    "resync": _LOOK,
    "refused": ": it reads the same pages as the loop, and nobody can read in a fifth of these",
}

_WHY_MEMORY = {
    "refused": "; it holds one range of 20,000 records and what lies beside them, so it grows no more behind that size"
}


def _growth(lines: Sequence[Line]) -> Iterator[str]:
    """Fit cost = a * N^b between the sizes, by least squares of the logarithms."""
    yield "Exponent b of the fit cost = a x N^b over the sizes above: 0 is independent of N, 1 grows with it; and what"
    yield f"the fit gives for {MILLION:,} contacts and leads. Target for the memory there: {MEMORY:,.0f} MB, by what"
    yield "was measured at a million, if anything was."
    yield ""
    yield "| work | requests, b | at a million | seconds, b | at a million | memory, b | at a million, MB | target |"
    yield f"|---{'|--:' * 6}|---|"
    by_work: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_work[line.job.label].append(line)
    for label, group in by_work.items():
        if len(group) > 1:
            sizes = [line.contacts for line in group]
            costs = [[line.ours.requests, line.ours.seconds, line.ours.peak] for line in group]
            fits = [_fit(sizes, values) for values in zip(*costs, strict=True)]
            cells = " | ".join(f"{b:.2f} | {at_million:,.0f}" for b, at_million in fits)
            yield f"| {label} | {cells} | {_verdict(group, fits[-1][1])} |"


def _verdict(lines: Sequence[Line], fitted: float) -> str:
    """Hold the memory at a million against its target: what was measured there, otherwise what the fit gives."""
    measured = next((line.ours.peak for line in lines if line.contacts == MILLION), None)
    over = (fitted if measured is None else measured) - MEMORY
    if over <= 0:
        return "met" if measured is None else f"met: {measured:,.0f} MB measured"
    told = "by the fit alone: nothing was measured there" if measured is None else "measured"
    return f"{over:,.0f} MB over, {told}{_WHY_MEMORY.get(lines[0].job.work, '')}"


def _fit(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Give the exponent, and the cost at a million."""
    xs, ys = [math.log(size) for size in sizes], [math.log(max(cost, 0.001)) for cost in costs]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    exponent = above / sum((x - mean_x) ** 2 for x in xs)
    return exponent, math.exp(mean_y + exponent * (math.log(MILLION) - mean_x))


def _deciding(found: Sequence[Throughput]) -> Iterator[str]:
    yield f"Contact points for a second of processor time, {POINTS:,} at a time, each with one record and three scopes;"
    yield f"the best of {RUNS} runs. Of the sample company 12% opted out of something. Target: {DECIDED:,} decided."
    yield ""
    yield "| opted out | learned | decided | target |"
    yield "|--:|--:|--:|---|"
    for each in found:
        target = "met" if each.decide >= DECIDED else f"missed: {each.decide / DECIDED:.0%} of it"
        yield f"| {each.share:.0%} | {each.learn:,.0f} | {each.decide:,.0f} | {target} |"
