"""The images of a run in the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from consent_sync.consent.model import Reading
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ports.images import Image, Stage


def image(n: int) -> Image:
    return Image(
        f"record:contact:{n:04}", "flag/donotbulkemail", Reading.SILENT, True, f"W/{n}", Reading.OUT, "r", None
    )


def test_images_come_back_in_order_page_by_page_and_run_by_run(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", SubjectKeys("key"))
    ledger.keep_images("run", [image(n) for n in (3, 1, 2)])
    ledger.keep_images("other", [image(9)])
    first = ledger.images("run", limit=2)
    assert first == [image(1), image(2)]
    assert ledger.images("run", after=first[-1].place) == [image(3)]
    assert ledger.images("nobody's") == []
    assert ledger.images_at("run", [image(2).place, image(8).place]) == {image(2).place: image(2)}


def test_the_latest_image_of_a_place_stands(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", SubjectKeys("key"))
    done = replace(image(1), stage=Stage.DONE, row_id="r")
    for each in (image(1), done, done):
        ledger.keep_images("run", [each])
    assert ledger.images("run") == [done]
