"""The one place that puts the parts together."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

from consent_sync.consent.landscape import Mode
from consent_sync.dataverse.auth import token_provider
from consent_sync.dataverse.client import DataverseClient
from consent_sync.engine.bursts import Bursts
from consent_sync.engine.gates import Gates, standing
from consent_sync.engine.losses import vet
from consent_sync.engine.passes import Passes
from consent_sync.engine.reconcile import Reconciler
from consent_sync.engine.reporter import Asked, Reporter
from consent_sync.errors import ConsentSyncError
from consent_sync.ledger.codec import SubjectKeys
from consent_sync.ledger.sqlite import SqliteLedger
from consent_sync.ledger.stored import StoredLedger
from consent_sync.ledger.tables import TablesLedger
from consent_sync.ledger.tables_account import AZURITE_KEY
from consent_sync.mapping.facts import Facts
from consent_sync.mapping.load import LoadedMapping, load_mapping
from consent_sync.operate.service import Service
from consent_sync.ports.queue import WorkQueue
from consent_sync.queues.storage import StorageQueue, account_of
from consent_sync.settings import Settings, is_loopback
from consent_sync.storage_auth import StorageCredential, storage_credential
from consent_sync.tenant.apply import MARKER
from consent_sync.tenant.dataverse import DataverseTenant
from consent_sync.tenant.drift.finder import DriftFinder

WAKES, PAGES = "wakes", "resync-pages"


@cache
def mapping() -> LoadedMapping:
    """Give the mapping of this process, read once. Raises MappingError or SettingError."""
    return load_mapping(settings().mapping_file)


@cache
def settings() -> Settings:
    """Give the settings of this process. Raises SettingError."""
    return Settings.read(os.environ)


def service() -> Service:
    """Give the service of this process, put together once. Raises ConsentSyncError; the next call tries again."""
    with _one_at_a_time:  # a cache alone would let the first messages of a cold start build one each
        return _service()


_one_at_a_time = threading.Lock()


@cache
def _service() -> Service:
    return assemble(settings(), mapping())


def organization() -> str | None:
    """Give the organization that this process works for, None as long as that is not known; asks the ledger only once.

    A ledger that cannot be read is no reason to turn an event away: whatever it says is read again anyway.
    """
    try:
        return _organization()
    except (ConsentSyncError, LookupError):
        return None


@cache
def _organization() -> str:
    found = standing(service().ledger).organization
    if found is None:
        raise LookupError
    return found


def connect(settings: Settings) -> DataverseClient:
    """Make the client of the environment. Raises SignInSettings."""
    tokens = token_provider(
        settings.dataverse_auth,
        url=settings.dataverse_url,
        token=settings.dataverse_token,
        client_id=settings.dataverse_client_id,
        tenant_id=settings.dataverse_tenant_id,
        client_secret=settings.dataverse_client_secret,
        certificate=settings.dataverse_certificate,
        identity_client_id=settings.identity_client_id,
    )
    return DataverseClient(settings.dataverse_url, tokens, tag=MARKER)


def assemble(settings: Settings, mapping: LoadedMapping, *, joining: bool = False) -> Service:
    """Put a service together; with `joining` it works for the installation that leads on its ledger, if one does."""
    client = connect(settings)
    ledger = open_ledger(settings, settings.ledger_url)
    ledger.check_complete()
    installation = (standing(ledger).leader if joining else None) or settings.installation
    gates = Gates(ledger, _mode(settings, mapping), mapping.fingerprint, installation)

    def vetted(organization_id: str, facts: Facts) -> Facts:
        gates.admit(organization_id)
        return vet(ledger, mapping.file, facts, datetime.now(UTC))

    tenant = DataverseTenant(client, mapping, vetted)
    asked = client.total
    reporter = Reporter(ledger, lambda: Asked(asked.requests, asked.throttled))
    reconciler = Reconciler(tenant, ledger, gates.mode, report=reporter)
    lists = {str(id_) for brand in mapping.file.brands.values() for id_ in brand.opt_out_lists}
    lists |= {str(pair.list) for brand in mapping.file.brands.values() for pair in brand.topics}
    finder = DriftFinder(client, tenant.look)
    passes = Passes(tenant, finder, ledger, reconciler, mapping.fingerprint, tuple(sorted(lists)))
    queues = _queues(settings)
    return Service(settings, mapping, client, ledger, passes, queues, Bursts(passes.wake, queues.get(WAKES)))


def _mode(settings: Settings, mapping: LoadedMapping) -> Mode:
    """Give the mapping's step on the ladder, or a lower one that the environment forces."""
    chosen, ceiling = mapping.file.policy.mode, settings.mode_ceiling
    return min(chosen, ceiling, key=lambda mode: mode.step) if ceiling else chosen


def _queues(settings: Settings) -> dict[str, WorkQueue]:
    account = account_of(settings.storage, settings.storage_queues, _storage_identity(settings))
    return {name: StorageQueue(account, name) for name in (WAKES, PAGES)} if account else {}


def open_ledger(settings: Settings, address: str) -> StoredLedger:
    """Open the ledger at an address of the form of `LEDGER_URL`; a new one where there is none."""
    keys, url = SubjectKeys(settings.ledger_hash_key), urlsplit(address)
    if url.scheme == "sqlite":
        return SqliteLedger(address.removeprefix("sqlite:///"), keys)
    if is_loopback(url.hostname or ""):
        return TablesLedger(address, AZURITE_KEY, keys)
    return TablesLedger(address, _storage_identity(settings), keys)


def _storage_identity(settings: Settings) -> StorageCredential:
    return storage_credential(
        settings.dataverse_auth,
        identity_client_id=settings.identity_client_id,
        tenant_id=settings.dataverse_tenant_id,
    )
