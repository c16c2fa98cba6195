"""The doctor: looks at everything the service needs, changes nothing, and says what to do about what is not good."""

from __future__ import annotations

from collections.abc import Iterator

from consent_sync.errors import ConsentSyncError

from . import access, service, tenant
from .finding import Check, Finding, Grade, Patient, good, of_error

__all__ = ["Finding", "Grade", "Patient", "diagnose"]


def diagnose(patient: Patient) -> Iterator[Finding]:
    """Run all checks, one finding after the other; what cannot be looked at without something else is left out."""
    for name, checks in (
        ("settings", (_settings,)),
        ("mapping", (_mapping_file,)),
        ("connection", (access.connection,)),
    ):
        findings = list(_run(name, checks[0], patient))
        yield from findings
        if any(finding.grade is Grade.FAILING for finding in findings):
            return
    further: tuple[tuple[str, Check], ...] = (
        ("privileges", access.privileges),
        ("tables", tenant.metadata),
        ("mapping", tenant.mapping),
        ("webhook", service.webhook),
        ("ledger", service.ledger),
        ("enforcement", tenant.enforcement_changes),
        ("mode", service.mode),
    )
    for name, check in further:
        yield from _run(name, check, patient)


def _run(name: str, check: Check, patient: Patient) -> Iterator[Finding]:
    """Give what the check finds; an error ends it and is a finding as well."""
    try:
        yield from check(patient)
    except ConsentSyncError as error:
        yield of_error(name, error)


def _settings(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    yield good("settings", f"sign-in by {settings.dataverse_auth}, installation {settings.installation}")


def _mapping_file(patient: Patient) -> Iterator[Finding]:
    yield good("mapping", f"{patient.mapping.path} can be read, fingerprint {patient.mapping.fingerprint}")
