"""What a check finds, and what a check may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel

from consent_sync.dataverse.client import DataverseClient
from consent_sync.dataverse.errors import PrivilegeMissing
from consent_sync.errors import ConsentSyncError
from consent_sync.mapping.load import LoadedMapping
from consent_sync.operate.http import remedy
from consent_sync.operate.service import Service
from consent_sync.settings import Settings


class Grade(StrEnum):
    """How bad a finding is. Drift and brake are states of the service, not faults."""

    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"
    BRAKE = "brake"
    FAILING = "failing"


class Finding(BaseModel):
    """One thing that was looked at: how it is, and where it is not good, what to do about it."""

    check: str
    grade: Grade
    says: str
    remedy: str = ""


class Patient(Protocol):
    """What is examined: every part is put together when it is first asked for, and raises what is wrong with it."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def application_id(self) -> str | None:
        """The client id of the service's own identity, None where that is who runs the checks."""

    @property
    def webhook_url(self) -> str | None:
        """Where events should go, None to take what is registered."""

    @property
    def mapping(self) -> LoadedMapping:
        """The mapping."""

    @property
    def client(self) -> DataverseClient:
        """The client of the environment."""

    @property
    def service(self) -> Service:
        """The service."""


type Check = Callable[[Patient], Iterator[Finding]]


def good(check: str, says: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(check=check, grade=Grade.OK, says=says)


def warning(check: str, says: str, what_to_do: str) -> Finding:
    """Say that something works and could be better."""
    return Finding(check=check, grade=Grade.WARNING, says=says, remedy=what_to_do)


def failing(check: str, says: str, what_to_do: str) -> Finding:
    """Say that something keeps the service from working."""
    return Finding(check=check, grade=Grade.FAILING, says=says, remedy=what_to_do)


def of_error(check: str, error: ConsentSyncError) -> Finding:
    """Turn an error into a finding; one about a privilege names privilege and table in the remedy."""
    if isinstance(error, PrivilegeMissing) and error.privilege:
        where = f" on {error.table}" if error.table else ""
        return failing(check, str(error), f"Add {error.privilege}{where} to the user's security role.")
    return failing(check, str(error), remedy(error))
