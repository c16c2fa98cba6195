"""The table says of every target that is missed by how much, and fits the growth between the sizes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from local.bench.deciding import Throughput
from local.bench.figures import Figures, Size, keep_figures, read_figures
from local.bench.measure import Company, Job, Line, Ours, jobs
from local.bench.others import Cost
from local.bench.table import page

QUIET = Job("sweep for drift, 0", "drift")
PAGES = 40


def line(job: Job, requests: int, *, contacts: int = 1000, memory: float = 10, loop: float = 1e6) -> Line:
    return Line(contacts, job, Ours(requests, 1, memory, 0), PAGES, flow=Cost(1e6, 1), loop=Cost(loop, 1))


def size_of(contacts: int, *lines: Line) -> Size:
    return Size(contacts, "bench", date(2026, 1, 2), lines)


def page_of(*lines: Line) -> str:
    sizes = sorted({line.contacts for line in lines})
    return page(Figures(tuple(size_of(n, *(line for line in lines if line.contacts == n)) for n in sizes)))


def said_of(*lines: Line) -> str:
    """Give the last cell of the last line's row."""
    row = next(row for row in page_of(*lines).splitlines() if row.startswith(f"| {lines[-1].job.label} |"))
    return row.split(" | ")[-1].rstrip(" |")


@pytest.mark.parametrize(("drifts", "requests", "says"), [
    (100, 8, "met"),
    (100, 9, "1 requests over the 8 of the target"),
    (101, 10, "met"),
    (10_000, 206, "met"),
    (10_000, 216, "10 requests over the 206 of the target"),
])  # fmt: skip
def test_a_drift_may_cost_two_requests_for_each_hundred(drifts: int, requests: int, says: str) -> None:
    job = Job(f"sweep for drift, {drifts:,}", "drift", flagged=drifts)
    assert said_of(line(QUIET, 6), line(job, requests)) == says


@pytest.mark.parametrize(("requests", "says"), [(42, "met"), (43, "1 requests over the 42 of the target: ")])
def test_comparing_may_cost_little_more_than_the_pages(requests: int, says: str) -> None:
    assert said_of(line(QUIET, 6), line(Job("all compared", "refused", full=True), requests)).startswith(says)


def test_memory_and_the_others_are_targets_too() -> None:
    said = said_of(line(QUIET, 6), line(Job("first plan", "plan", full=True), 100, memory=170, loop=200))
    assert said.startswith("20 MB over the 150 of the target; 2.0x fewer requests than the loop, not 5x: ")


def test_growth_is_fitted_and_carried_on_to_a_million() -> None:
    job = Job("first plan", "plan", full=True)
    lines = [line(QUIET, 6, contacts=size) for size in (1_000, 10_000)]
    lines += [line(job, size // 100, contacts=size, memory=20) for size in (1_000, 10_000)]
    text = page_of(*lines)
    assert "| first plan | 1.00 | 10,000 | 0.00 | 1 | 0.00 | 20 | met |" in text
    assert "| sweep for drift, 0 | 0.00 | 6 |" in text


def test_memory_over_the_target_at_a_million_is_told_as_what_it_is_a_fit() -> None:
    job = Job("first plan", "plan", full=True)
    lines = [line(QUIET, 6, contacts=size) for size in (1_000, 10_000)]
    lines += [line(job, 10, contacts=size, memory=memory) for size, memory in ((1_000, 2), (10_000, 20))]
    assert "| 2,000 | 1,850 MB over, by the fit alone: nothing was measured there |" in page_of(*lines)


def test_what_was_measured_at_a_million_counts_and_not_the_fit() -> None:
    job = Job("first plan", "plan", full=True)
    memory = {1_000: 2.0, 10_000: 20.0, 1_000_000: 90.0}
    lines = [line(each, 10, contacts=size, memory=mb) for size, mb in memory.items() for each in (QUIET, job)]
    assert "| met: 90 MB measured |" in page_of(*lines)
    too_much = [*lines[:-1], line(job, 10, contacts=1_000_000, memory=151)]
    assert "| 1 MB over, measured |" in page_of(*too_much)


def test_a_size_measured_anew_takes_the_place_of_the_old_one_and_leaves_the_others(tmp_path: Path) -> None:
    old, other, new = (size_of(n, line(QUIET, requests, contacts=n)) for n, requests in ((10, 6), (20, 7), (10, 8)))
    file = tmp_path / "bench.json"
    keep_figures(Figures().with_size(other).with_size(old), file)
    assert read_figures(file) == Figures((old, other))
    assert read_figures(file).with_size(new) == Figures((new, other))


def test_a_large_company_can_be_measured_without_the_looks_that_only_read() -> None:
    works = [job.work for job in jobs(Company(100_000, everything=False), 5)]
    assert "plan" not in works
    assert works.count("resync") == 1  # the repair, without which there would be nothing in step


def test_throughput_is_held_against_its_target() -> None:
    text = page(Figures((), (Throughput(0.12, 20_000, 100_000), Throughput(0.5, 15_000, 30_000))))
    assert "| 12% | 20,000 | 100,000 | met |" in text
    assert "| 50% | 15,000 | 30,000 | missed: 30% of it |" in text
