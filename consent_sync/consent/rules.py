"""The rules as data: what each one says, which cases it settles, and why it is so.

A decision names the rule that made it; the id stands in the history and in every explanation. The cases are the
numbered ones of the case table (docs/rules.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `id` for the history, `says` for people, `cases` it settles, `reason` why it is this way.

    A hold of a `passing` rule is over as soon as its reason is gone; the others wait for a person. One that `opens` may
    be applied, which counts as an opt-in given now; the others can only be dismissed, once their reason is dealt with.
    A hold that concerns the whole service has `readings`: what was found, and what stands until a person settles it.
    """

    id: str
    says: str
    cases: tuple[int, ...]
    reason: str
    passing: bool = False
    opens: bool = False
    readings: tuple[str, str] = ("", "")


SAME_SCOPE = Rule(
    "out-follows-scope",
    "An opt-out at one location of a scope makes every other location of that scope say out.",
    (15, 16, 22, 50, 51, 61),
    "The person spoke about the scope, not about the place where the answer is stored.",
)
COVERS_NARROWER = Rule(
    "out-covers-narrower",
    "An opt-out of a wider scope makes the narrower scopes under it say out.",
    (1, 5, 7, 11, 13, 17, 25),
    "Who stops everything stops each part of it.",
)
SHARED_ADDRESS = Rule(
    "shared-address-out",
    "An address that one of its holders opted out of makes every record that holds it say out.",
    (31, 32, 40, 41, 43),
    "Mail to an address reaches all who share it, so the most restrictive of them decides.",
)
ALL_PURPOSES = Rule(
    "all-purposes-out",
    "When every mapped purpose of a type is out, the tenant-wide location says out.",
    (10, 11, 17, 71),
    "Nothing is left that the person still allows, and the flag is all that other applications look at.",
)
UNENFORCED = Rule(
    "unenforced-out",
    "An opt-out of a purpose whose enforcement is Disabled sets the tenant-wide location.",
    (57,),
    "The product sends in spite of the opt-out, so the only stop left is the wide one.",
)
UNWRITABLE = Rule(
    "unwritable-list",
    "A person who must leave a list that cannot be written gets the tenant-wide flag instead.",
    (27,),
    "Locked, dynamic and inactive lists refuse the change, and too much is better than too little.",
)
RESTORE = Rule(
    "restore-out",
    "A location that stopped saying out, without a proven opt-in, is made to say out again.",
    (3, 4, 21, 30, 54, 55, 63, 64),
    "Defaults, imports and deletions are not consent; a person can still settle it the other way.",
)
ERASED = Rule(
    "erased-stays-out",
    "An address whose owner was erased keeps the opt-outs that stood then, wherever the address turns up again.",
    (47, 48),
    "Only a keyed hash of the address and what it is out of are kept, so that an import does not bring the mail back.",
)
PROVEN_IN = Rule(
    "proven-opt-in",
    "A proven opt-in that is later than every possible opt-out opens the locations of its own scope.",
    (18, 62),
    "The person changed their mind, and it can be shown.",
)
RELEASE = Rule(
    "release-wide",
    "The tenant-wide location opens when every purpose that it stands for has a later proven opt-in.",
    (14,),
    "A wide stop is only lifted when each part of it was opened by the person.",
)

HOLD_LOOSENED = Rule(
    "hold-loosened",
    "Somebody loosened a location without proof: it was made to say out again, a person may decide otherwise.",
    (3, 54, 55, 63),
    "Staff may have had a reason that the system cannot see.",
    opens=True,
)
HOLD_OLD_IN = Rule(
    "hold-old-opt-in",
    "An opt-in from before the first look seems newer than the opt-out beside it: the opt-out stands meanwhile.",
    (62, 81),
    "Nobody watched what happened before, and a row's last change is not the time of consent.",
    opens=True,
)

HOLD_NARROW_IN = Rule(
    "hold-narrow-opt-in",
    "A part of what a tenant-wide stop covers was opted in again: the wide stop stands until a person lifts it.",
    (14, 19),
    "Lifting it would open parts that the person said nothing about.",
    passing=True,
    opens=True,
)
HOLD_LEFT_OVER = Rule(
    "hold-left-over",
    "We closed this location, and nothing asks for it any more: a person may open it again.",
    (36,),
    "What was taken away is never given back without somebody's word.",
    passing=True,
    opens=True,
)
HOLD_ERASED = Rule(
    "hold-erased-returned",
    "The address of somebody who was erased is in use again: its opt-outs stand until a person lifts them.",
    (48,),
    "It may be an old list that was imported again, or the person came back: the data do not tell.",
    passing=True,
    opens=True,
)

HOLD_UNSENT = Rule(
    "hold-unsent",
    "The server would refuse this change: a person has to make it, or make the place writable.",
    (27,),
    "Locked, dynamic and inactive lists take no changes, and an opt-out must not wait unseen.",
    passing=True,
)
HOLD_OVERRULED = Rule(
    "hold-overruled-opt-in",
    "A later opt-in at a shared address is overruled by the opt-out of another record that holds it.",
    (32,),
    "Mail to the address reaches both; whether they are one person only a person can say.",
    opens=True,
)
HOLD_UNCONFIRMED = Rule(
    "hold-unconfirmed-opt-in",
    "This opt-in cannot be carried across: the brand asks for a confirmation by the person's own click.",
    (67, 69),
    "Writing it would get around the double opt-in that the brand promises.",
    passing=True,
)
HOLD_INEFFECTIVE = Rule(
    "hold-ineffective-opt-in",
    "An opt-in to a topic does nothing, because its purpose is restrictive and was not opted in to.",
    (20,),
    "The person asked for mail and gets none; but the purpose's opt-in is not ours to invent.",
    passing=True,
)
HOLD_FIGHT = Rule(
    "hold-oscillation",
    "Something keeps opening this location again: it was closed several times, and stays closed.",
    (79,),
    "Another automation works against the opt-out; a person has to stop it.",
)
HOLD_UNENFORCED = Rule(
    "hold-unenforced-purpose",
    "People opted out of a purpose whose enforcement is Disabled: the product sends to them all the same.",
    (5, 57),
    "Only an administrator can change the purpose's enforcement model.",
    readings=("the product goes on sending", "out, and the tenant-wide location with it"),
)
HOLD_MAPPING = Rule(
    "hold-mapping-changed",
    "The mapping has changed: nothing is written until a full plan was made with it and a person approved it.",
    (26,),
    "A wrong line in the mapping can turn the consent of everybody around.",
    readings=("the changed mapping is right", "nothing is written"),
)
HOLD_BRAKE = Rule(
    "hold-brake",
    "More opt-ins than the brake allows: none of them is written until a person approves; opt-outs go on.",
    (64, 81, 82),
    "A mass of opt-ins is usually an import, not so many people who changed their minds.",
    readings=("in, for every one of these people", "out: none of the opt-ins is written"),
)
HOLD_MANY_OUT = Rule(
    "hold-many-opt-outs",
    "More opt-outs than the brake expects in one run: they were written, a person should look at why.",
    (82,),
    "Stopping opt-outs would harm people; but so many at once may be somebody's mistake.",
    readings=("a mistake", "out: all of the opt-outs are written"),
)
HOLD_EMPTIED = Rule(
    "hold-list-emptied",
    "A list lost half of its members at once: nobody is taken to have left it until a person says so.",
    (24,),
    "An administrator empties a list; people leave it one by one.",
    readings=("out: all of them left", "as before: nothing is read from the list, nothing written to it"),
)
HOLD_GONE = Rule(
    "hold-mapping-gone",
    "The tenant no longer has something that the mapping names: nothing there is read or written until it is back.",
    (24, 56),
    "Somebody deleted it, which says nothing about what the people want; take it out of the mapping if it stays away.",
    readings=("gone", "as last seen: nothing there is read or written"),
)
HOLD_NO_BRAND = Rule(
    "hold-purpose-of-no-brand",
    "A commercial purpose is in no compliance profile: an opt-out of it stops all brands, an opt-in opens nothing.",
    (12,),
    "Nobody can say whose mail it stops, and too much is better than too little.",
    readings=("of no brand", "an opt-out of it stops all brands, an opt-in opens nothing"),
)

_ALL = (
    SAME_SCOPE,
    COVERS_NARROWER,
    SHARED_ADDRESS,
    ALL_PURPOSES,
    UNENFORCED,
    UNWRITABLE,
    RESTORE,
    ERASED,
    PROVEN_IN,
    RELEASE,
    HOLD_LOOSENED,
    HOLD_OLD_IN,
    HOLD_NARROW_IN,
    HOLD_LEFT_OVER,
    HOLD_ERASED,
    HOLD_UNSENT,
    HOLD_OVERRULED,
    HOLD_UNCONFIRMED,
    HOLD_INEFFECTIVE,
    HOLD_FIGHT,
    HOLD_UNENFORCED,
    HOLD_MAPPING,
    HOLD_BRAKE,
    HOLD_MANY_OUT,
    HOLD_EMPTIED,
    HOLD_GONE,
    HOLD_NO_BRAND,
)
OPENING = frozenset(rule.id for rule in _ALL if rule.opens)
PASSING = frozenset(rule.id for rule in _ALL if rule.passing)
RULES = {rule.id: rule for rule in _ALL}
