"""Case 91 and ruling 9: how times are compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from consent_sync.consent.model import Act, Kind, Location, PurposeType, Reading, RecordRef, tenant
from consent_sync.consent.registers import Evidence, Registers

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ANN = RecordRef("contact", "ann")
FLAG = Location(ANN, Kind.FLAG, "donotbulkemail")


def registers(says: Reading, at: datetime) -> Registers:
    return Evidence(ANN, tenant(PurposeType.COMMERCIAL), says, at, FLAG, "", "").registers()


@pytest.mark.parametrize(
    ("opted_in", "opted_out", "mailable"), [(0.9, 0.1, False), (0.1, 0.9, False), (1.0, 0.9, True)]
)
def test_case_91_within_one_second_the_opt_out_wins(opted_in: float, opted_out: float, mailable: bool) -> None:  # noqa: FBT001
    known = registers(Reading.IN, AT + timedelta(seconds=opted_in)).join(
        registers(Reading.OUT, AT + timedelta(seconds=opted_out))
    )
    assert (known.latest_in > known.latest_out) is mailable


def test_case_91_a_time_means_the_same_in_every_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert registers(Reading.OUT, elsewhere) == registers(Reading.OUT, AT)
    assert Act(FLAG, Reading.OUT, elsewhere) == Act(FLAG, Reading.OUT, AT)


@pytest.mark.parametrize("seconds", [0, 1, -1])
def test_ruling_09_ties_are_opt_outs(seconds: int) -> None:
    known = registers(Reading.OUT, AT).join(registers(Reading.IN, AT + timedelta(seconds=seconds)))
    assert (known.latest_in > known.latest_out) is (seconds > 0)
