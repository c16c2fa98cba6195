"""Why a mutant that survives may: kept by hand, by (module, function, change)."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """`equivalent` says that nobody could tell the mutant from the original; otherwise it is accepted, and counts."""

    equivalent: bool
    text: str


REASONS: dict[tuple[str, str, str], Reason] = {
    (
        "consent_sync/consent/evidence.py",
        "_unchanged",
        (
            "(seen.reading, seen.present, seen.version) == (reading, o.present, o.version) -> "
            "(seen.reading, seen.version) == (reading, o.version)"
        ),
    ): Reason(equivalent=False, text="what comes or goes changes its version too; the check of both is a belt"),
    (
        "consent_sync/consent/state.py",
        "Standing.proof_of_in",
        "not self._speakers or self.cause_of_out(scope) -> self.cause_of_out(scope)",
    ): Reason(equivalent=True, text="a shortcut: where nobody spoke, every time that follows is NEVER"),
    ("consent_sync/consent/registers.py", "Entry", "0 -> 1"): Reason(
        equivalent=True, text="an entry that was never saved has no version, and only a version tells that it is newer"
    ),
    ("consent_sync/consent/state.py", "Standing._cause_over_parts", "True -> False"): Reason(
        equivalent=True, text="the causes were made of the parts, so there are as many of them"
    ),
    (
        "consent_sync/consent/decide.py",
        "_instead",
        "not stuck or not landscape.policy.flag_for_unwritable_list -> not landscape.policy.flag_for_unwritable_list",
    ): Reason(
        equivalent=True, text="a shortcut: where nobody is stuck nothing is wanted, and no flag stands for nothing"
    ),
    ("consent_sync/consent/model.py", "", "1 -> 2 (3)"): Reason(
        equivalent=True, text="NEVER is earlier than everything all the same"
    ),
}
