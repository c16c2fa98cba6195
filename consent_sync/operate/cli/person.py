"""Who a command is about, without an address on the command line: it would stay in the history of the shell."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from consent_sync.consent.model import Channel, ContactPoint, RecordRef, Subject
from consent_sync.errors import ConsentSyncError
from consent_sync.operate.body import RecordChoice

from .ask import at_terminal


class NoAddressGiven(ConsentSyncError):
    """The command needs an address. Type it when asked, or send it on the standard input, one line."""


class NoRecord(ConsentSyncError):
    """The record is not named as the command needs it: contact:ID or lead:ID, with the id from the record's address."""


def record_of(text: str) -> dict[str, str]:
    """Read ``contact:ID`` or ``lead:ID``. Raises NoRecord."""
    table, _, id_ = text.partition(":")
    try:
        return {"table": RecordChoice(table=table, id=id_).table, "id": id_}  # type: ignore[arg-type]  # it validates
    except ValidationError:
        raise NoRecord("not contact:ID or lead:ID") from None


RECORD_OPTION = Annotated[
    str, typer.Option(help="A record instead of an address: contact:ID or lead:ID.", metavar="RECORD")
]


def whose(record: str) -> dict[str, Any]:
    """Give whom a command is about, in the form that requests have: a record, or else an address that is asked for."""
    return {"record": record_of(record)} if record else {"contact_point": {"value": ask_for_address()}}


def subject(record: str) -> Subject:
    """Give whom a command is about: a record, or else an address that is asked for. Raises NoAddressGiven."""
    if record:
        named = record_of(record)
        return RecordRef(named["table"], named["id"])
    point = ContactPoint.of(Channel.EMAIL, ask_for_address())
    if point is None or not point.reachable:
        raise NoAddressGiven("that is no e-mail address")
    return point


def ask_for_address() -> str:
    """Read one address from the standard input; ask for it if that is a terminal. Raises NoAddressGiven."""
    if at_terminal():
        return str(typer.prompt("E-mail address", err=True)).strip()
    line = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if not line:
        raise NoAddressGiven("there was no address on the standard input")
    return line
