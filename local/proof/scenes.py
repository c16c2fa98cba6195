"""The scenes that are walked through. Everything said in at the start, long before the ledger began."""

from __future__ import annotations

from consent_sync.consent.landscape import Landscape, Meaning, Mode, Opened, Policy
from consent_sync.consent.model import (
    Channel,
    ContactPoint,
    Kind,
    Location,
    PurposeType,
    Reading,
    RecordRef,
    Subject,
    purpose,
    tenant,
    topic,
)

from .scene import Cell, Deed, Scene

ONE, OTHER = (ContactPoint(Channel.EMAIL, f"{name}@example.com") for name in ("one", "other"))
ANN, BOB = RecordRef("contact", "ann"), RecordRef("contact", "bob")
COMMERCIAL = tenant(PurposeType.COMMERCIAL)
P1, P2, TOPIC = purpose("p1"), purpose("p2"), topic("t")

_SIGNS = {"-": Reading.OUT, "+": Reading.IN, "*": None}
_MEANINGS = {
    (Kind.FLAG, "flag"): Meaning((COMMERCIAL,), "left", shadows=True),
    (Kind.FLAG, "topic"): Meaning((TOPIC,), "left", opened=Opened.IN),
    (Kind.LIST, "list"): Meaning((TOPIC,), "left", "one", opened=Opened.PRESENT),
    (Kind.ROW, str(TOPIC)): Meaning((TOPIC,), "right", "one", opened=Opened.IN),
    (Kind.ROW, str(P1)): Meaning((P1,), "right", "one", shadows=True, opened=Opened.IN),
    (Kind.ROW, str(P2)): Meaning((P2,), "right", "two", shadows=True, opened=Opened.IN),
}


type Places = dict[str, tuple[Subject, Kind, str]]


def two_places() -> Scene:
    """A: a place of the record, B: the consent row of its address, both able to say in and out for one topic."""
    places: Places = {"a": (ANN, Kind.FLAG, "topic"), "b": (ONE, Kind.ROW, str(TOPIC))}
    return _scene({ONE: {ANN}}, places, "a- a+ a* b- b+ b*")


def shared_address() -> Scene:
    """Two records hold one address: two flags, one consent row."""
    places: Places = {"f": (ANN, Kind.FLAG, "flag"), "g": (BOB, Kind.FLAG, "flag"), "p": (ONE, Kind.ROW, str(P1))}
    return _scene({ONE: {ANN, BOB}}, places, "f- f* g- g* p- p+ p*", brands=1)


def two_addresses() -> Scene:
    """One record holds two addresses: one flag, two consent rows."""
    places: Places = {"f": (ANN, Kind.FLAG, "flag"), "p": (ONE, Kind.ROW, str(P1)), "q": (OTHER, Kind.ROW, str(P1))}
    return _scene({ONE: {ANN}, OTHER: {ANN}}, places, "f- f* p- p+ p* q- q+ q*", brands=1)


def two_brands() -> Scene:
    """Each brand has a purpose, the tenant-wide flag stands for both."""
    places: Places = {"f": (ANN, Kind.FLAG, "flag"), "p": (ONE, Kind.ROW, str(P1)), "q": (ONE, Kind.ROW, str(P2))}
    return _scene({ONE: {ANN}}, places, "f- f* p- p+ p* q- q+ q*", brands=2)


def topic_under_purpose() -> Scene:
    """A topic with its trusted list and its row, under a purpose with a row of its own."""
    places: Places = {"l": (ANN, Kind.LIST, "list"), "t": (ONE, Kind.ROW, str(TOPIC)), "p": (ONE, Kind.ROW, str(P1))}
    return _scene({ONE: {ANN}}, places, "l- l+ t- t+ t* p- p+ p*", brands=1)


def _scene(
    holders: dict[ContactPoint, set[RecordRef]],
    places: Places,
    deeds: str,
    brands: int = 0,
) -> Scene:
    """Give a scene of `places`; the deed "a-" makes place a say out, "a+" in, "a*" edits something else in its row."""
    purposes = (P1, P2)[:brands]
    parents = {TOPIC: P1} | dict.fromkeys(purposes, COMMERCIAL) if purposes else {}
    landscape = Landscape(_MEANINGS, parents, {PurposeType.COMMERCIAL: purposes}, Policy(Mode.TWO_WAY))
    names = list(places)
    return Scene(
        landscape,
        {point: frozenset(records) for point, records in holders.items()},
        tuple(Location(*place) for place in places.values()),
        tuple(_start(n, name) for n, (_, _, name) in enumerate(places.values(), 1)),
        {deed: Deed(names.index(deed[0]), _SIGNS[deed[1]]) for deed in deeds.split()},
    )


def _start(version: int, name: str) -> Cell:
    return Cell(Reading.SILENT if name == "flag" else Reading.IN, trusted=name != "flag", version=version)
