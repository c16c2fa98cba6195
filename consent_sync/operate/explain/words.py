"""The words of explanations: what people call scopes, places, sources and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent_sync.consent.model import NEVER, ContactPoint, Kind, Location, Scope, Subject
from consent_sync.consent.state import Breadth
from consent_sync.engine.intake import FOR_GOOD, Way

SOURCES = {
    "internal": "by staff or an integration",
    "preference_page": "on the preference page",
    "text_message": "by text message",
    "loaded": "by a mass import",
    "preference_center": "in the preference centre",
    "realtime_form": "in a form",
    "subscription_center": "in the subscription centre",
    "list_unsubscribe": "by one click on unsubscribe in the mail program",
}
WAYS = {
    Way.REPLY: "in a reply",
    Way.PHONE: "on the phone",
    Way.LETTER: "in a letter",
    Way.IN_PERSON: "in person",
    Way.OLD_LINK: "on a page that no longer works",
    Way.COMPLAINT: "by a complaint",
    Way.SENDER: "to another system that sends",
    Way.OTHER: "in another way",
}
WAYS_OF_KNOWING = {
    "event": "an event told when",
    "audit": "the audit log told when",
    "changed": "a look found it changed",
    "intake": "it was taken in",
    "loosened, and trusted by policy": "somebody loosened the place, and the policy trusts that",
    "first seen": "it was there at the first look",
    "touched after our write": "somebody edited it after we had written it",
    "opted in": "the place shows it",
    "inherited": "it follows the person",
}
BREADTHS = {
    Breadth.SAME: "",
    Breadth.WIDER: ", which covers this",
    Breadth.ALL_PARTS: ", the last of all purposes of this kind",
    Breadth.UNENFORCED: ", whose opt-outs real-time journeys ignore",
}


@dataclass(frozen=True, slots=True)
class Words:
    """Puts things into words. `names` are the tenant's own, by id; `called` is what an explanation calls subjects."""

    names: Mapping[str, str]
    called: Mapping[Subject, str]

    def subject(self, subject: Subject) -> str:
        """Name a subject without naming the person."""
        if subject in self.called:
            return self.called[subject]
        return "another contact point" if isinstance(subject, ContactPoint) else f"the {subject.table} {subject.id}"

    def scope(self, scope: Scope) -> str:
        """Name a scope."""
        if scope.kind == "tenant":
            return f"all {scope.id} mail of all brands" if scope.id != "tracking" else "all tracking"
        return f"the {scope.kind} {self._called(scope.id)}"

    def place(self, key: str) -> str:
        """Name a location by its key."""
        kind, _, rest = key.partition("/")
        name = rest.partition("/")[0]
        match kind:
            case "intake":
                return f"the intake {name}"
            case Kind.FLAG:
                return f"the flag {name}"
            case Kind.LIST:
                return f"the list {self._called(name)}"
            case Kind.OPT_OUT_LIST:
                return f"the opt-out list {self._called(name)}"
            case Kind.ROW:
                return f"the consent row of {self.scope(Scope.parse(name))}"
        return key

    def location(self, at: Location) -> str:
        """Name a location and whose it is."""
        return f"{self.place(at.key)} of {self.subject(at.subject)}"

    def _called(self, id_: str) -> str:
        return f"“{self.names[id_]}”" if id_ in self.names else id_


def moment(at: datetime) -> str:
    """Give a time for people, to the second."""
    if at >= FOR_GOOD:
        return "for good"
    return f"{at:%d %b %Y %H:%M:%S} UTC"


def known(at: datetime) -> datetime | None:
    """Give a time, None for never."""
    return at if at > NEVER else None


def source_in_words(source: str) -> str:
    """Say where an act came from, as far as the place tells; an intake says how it was told and where to look it up."""
    way, colon, evidence = source.partition(": ")
    if colon and way in WAYS:
        return f"{WAYS[Way(way)]} ({evidence})"
    return SOURCES.get(source, source)
