"""The first thing seen: whether anybody who opted out may still be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MINUTES, DAY, CEILING = timedelta(minutes=15), timedelta(hours=24), timedelta(hours=48)
"""The targets for an opt-out: everywhere within minutes, a person looks at a day, two days are the hard ceiling."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One sentence, its tone (good, warn, bad), and what to make of it."""

    says: str
    tone: str
    detail: str


def headline(oldest: timedelta | None, *, mode_writes: bool, troubles: int) -> Headline:
    """Say how the oldest opt-out that is not everywhere yet stands against the targets; None: there is none."""
    if troubles:
        return Headline("The service can not do its work.", "bad", "What keeps it from working is listed below.")
    if oldest is None:
        if not mode_writes:
            return Headline("The service only watches.", "warn", "In mode observe it writes nothing anywhere.")
        return Headline("Every opt-out that is known is everywhere.", "good", "Nothing is under way.")
    age = spoken(oldest)
    if oldest <= MINUTES:
        return Headline(f"The oldest opt-out under way is {age} old.", "good", "It is expected within 15 minutes.")
    if oldest <= DAY:
        detail = "Older than 15 minutes: look at the parked messages and the troubles before it is 24 hours."
        return Headline(f"An opt-out is under way for {age}.", "warn", detail)
    limit = "the ceiling of 48 hours is passed" if oldest > CEILING else "the ceiling of 48 hours is near"
    return Headline(f"An opt-out is under way for {age}.", "bad", f"Past 24 hours, {limit}: act now.")


def spoken(time: timedelta) -> str:
    """Give a length of time the way people say it, in its largest whole unit."""
    seconds = int(time.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"
