"""Cases that no test can decide here, and why."""

from __future__ import annotations

CASES = range(1, 95)
RULINGS = range(1, 11)


OUT_OF_SCOPE = {
    29: "no outbound journey runs any more: outbound marketing was removed from all environments in May 2026",
    39: "the mapping knows e-mail addresses only: no phone number is read, so none can be matched",
    76: "a bounce says nothing about consent and stands in no location",
    77: "push messages and copied recipients are mailed without any consent check, which no row can change",
}
