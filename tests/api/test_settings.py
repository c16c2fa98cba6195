"""A wrong setting stops the service, and says which it is and what to do; what it holds is never shown."""

from __future__ import annotations

import pytest

from consent_sync.consent.landscape import Mode
from consent_sync.schedule import objection
from consent_sync.settings import SettingError, Settings, names

RIGHT = {
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "DATAVERSE_AUTH": "managed_identity",
    "MAPPING_FILE": "mapping.yaml",
    "LEDGER_URL": "https://account.table.core.windows.net",
    "LEDGER_HASH_KEY": "0123456789abcdef0123456789abcdef",
    "WEBHOOK_KEYS": "a-long-random-webhook-key, the-next-random-webhook-key",
    "CONSENT_SYNC_MODE": "restrict",
}


def test_right_settings_are_taken() -> None:
    settings = Settings.read(RIGHT)
    assert settings.webhook_keys == ("a-long-random-webhook-key", "the-next-random-webhook-key")
    assert settings.mode_ceiling is Mode.RESTRICT
    assert not settings.needs_principal


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATAVERSE_URL", "", "is not set"),
        ("DATAVERSE_URL", "http://contoso.crm.dynamics.com", "begins with https://"),
        ("DATAVERSE_URL", "https://contoso.crm.dynamics.com/api/data", "without a path"),
        ("DATAVERSE_AUTH", "password", "must be 'managed_identity', "),
        ("MAPPING_FILE", " ", "is not set"),
        ("LEDGER_URL", "ledger.db", "sqlite:///"),
        ("LEDGER_HASH_KEY", "@Microsoft.KeyVault(SecretUri=https://kv.example/secrets/x)", "could not be resolved"),
        ("LEDGER_HASH_KEY", "short", "at least 16 characters"),
        ("WEBHOOK_KEYS", ",", "one or two keys"),
        ("WEBHOOK_KEYS", ",".join(["0123456789abcdef"] * 3), "one or two keys"),
        ("WEBHOOK_KEYS", "0123456789abcdef,short", "at least 16 characters"),
        ("CONSENT_SYNC_MODE", "both", "must be 'observe', 'restrict' or 'two-way'"),
        ("MANAGEMENT_AUTH", "none", "must be 'key' or 'entra'"),
        ("SWEEP_SCHEDULE", "every five minutes", "six fields"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy_and_not_shown(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.read(RIGHT | {name: value})
    assert str(caught.value).startswith(name)
    assert says in str(caught.value)
    assert not value.strip(" ,") or value not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.read({})
    needed = ["DATAVERSE_URL", "DATAVERSE_AUTH", "MAPPING_FILE", "LEDGER_URL", "LEDGER_HASH_KEY", "WEBHOOK_KEYS"]
    assert [name for name in names() if f"{name} is not set" in str(caught.value)] == needed


def test_secrets_stay_out_of_what_is_printed() -> None:
    settings = Settings.read(RIGHT | {"DATAVERSE_TOKEN": "the-token", "DATAVERSE_CLIENT_SECRET": "the-secret"})
    shown = repr(settings) + str(settings)
    secrets = (*settings.webhook_keys, settings.ledger_hash_key, "the-token", "the-secret")
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("auth", [{"MANAGEMENT_AUTH": "entra"}, {"WEBSITE_AUTH_ENABLED": "True"}])
def test_a_setting_or_the_platform_demands_a_principal(auth: dict[str, str]) -> None:
    assert Settings.read(RIGHT | auth).needs_principal


@pytest.mark.parametrize(
    "expression",
    [
        "0 */5 * * * *",
        "*/5 * * * *",
        "0 0 2 * * *",
        "0,30 0-29/2 9-17 1,15 JAN-MAR Mon-Fri",
        "0 0 0 29 2 *",
        "0 0 4 * * Sunday",
    ],
)
def test_a_schedule_of_the_host_is_taken(expression: str) -> None:
    assert objection(expression) is None


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("* * * *", "six fields"),
        ("0 61 * * * *", "minute"),
        ("0 0 24 * * *", "hour"),
        ("0 0 0 0 * *", "day"),
        ("0 0 0 L * *", "day"),
        ("0 0 0 * Foo *", "month"),
        ("0 0 0 * * 7", "weekday"),
        ("0 0 0 * * fri-mon", "weekday"),
        ("0 */0 * * * *", "minute"),
        ("0 5- * * * *", "minute"),
        ("0 */5 * * * ?", "weekday"),
    ],
)
def test_a_schedule_that_the_host_would_not_run_is_refused(expression: str, says: str) -> None:
    assert says in str(objection(expression))
