"""NCRONTAB schedules of timer triggers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from local.host.errors import HostError

_FIELD = re.compile(r"[0-9A-Za-z*,/-]+")
_DAY, _WEEKDAY = 3, 5


class Schedule:
    """Six fields (second minute hour day month weekday) or five (second 0), in UTC.

    cronsim reads a few things that NCRONTAB does not have or reads otherwise (``L``, ``#``, weekday 7, a day together
    with a weekday, where cron means either and NCRONTAB both): these are refused, so that a schedule that works here
    means the same in Azure.
    """

    def __init__(self, expression: str, used_by: str) -> None:
        """Take the expression; ``used_by`` names the function in the HostError for a bad one."""
        fields = expression.split()
        if len(fields) == 5:  # noqa: PLR2004  - the host accepts it too
            fields.insert(0, "0")
        reason = _objection(fields)
        if reason is None:
            try:
                CronSim(" ".join(fields), datetime.now(UTC))
            except CronSimError as error:
                reason = str(error)
        if reason is not None:
            raise HostError(f"Function {used_by}: {expression!r} is not a schedule the host runs: {reason}.")
        self.expression = " ".join(fields)

    def after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than the moment."""
        return next(CronSim(self.expression, moment.astimezone(UTC)))


def _objection(fields: list[str]) -> str | None:
    if len(fields) != 6:  # noqa: PLR2004  - NCRONTAB
        return "it needs six fields, second first"
    if not all(_FIELD.fullmatch(field) for field in fields):
        return "a field holds digits, names and * , - / only"
    if any(mark in fields[_DAY].upper() for mark in "LW") or re.search(r"7|\dL", fields[_WEEKDAY].upper()):
        return "NCRONTAB has no L, W and weekday 7"
    if not fields[_DAY].startswith("*") and not fields[_WEEKDAY].startswith("*"):
        return "a day of the month together with a weekday"
    return None
