"""Mistakes that somebody could make, and the check that must see each: file, text, what it becomes, check."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    path: str
    text: str
    becomes: str
    seen_by: str


_MAIN, _PARAMETERS = "infra/main.bicep", "infra/main.bicepparam"
_ACCESS, _ALERTS, _APP, _BUDGET, _MONITORING, _NETWORK, _STORAGE, _VAULT = (
    f"infra/modules/{name}.bicep"
    for name in ("access", "alerts", "functionapp", "budget", "monitoring", "network", "storage", "vault")
)
_READS_A_LINE = "\n    severity: 1\n    query: 'AppTraces"
_NEXT = "{ name: 'DATAVERSE_AUTH'"
_SECRET_URI = "@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/webhook-keys)"

OWN = [
    # syntax and style
    Mistake(_STORAGE, "kind: 'StorageV2'", "kind 'StorageV2'", "syntax"),
    Mistake(_VAULT, "sku: {\n", "sku: \n", "syntax"),
    Mistake(_VAULT, "param allowedAddresses array", "param allowedAddresses string[]", "syntax"),
    Mistake(_STORAGE, "  sku:", "  resource inner 'blobServices' = {\n    name: 'default'\n  }\n  sku:", "syntax"),
    # protection
    Mistake(_STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "secure"),
    Mistake(_STORAGE, "    allowSharedKeyAccess: false\n", "", "secure"),
    Mistake(_STORAGE, "allowBlobPublicAccess: false", "allowBlobPublicAccess: true", "secure"),
    Mistake(_STORAGE, "'TLS1_2'", "'TLS1_0'", "secure"),
    Mistake(_STORAGE, "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false", "secure"),
    Mistake(_STORAGE, "isPrivate ? 'Disabled' : 'Enabled'", "'Enabled'", "secure"),
    Mistake(_STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'", "secure"),
    Mistake(_VAULT, "enableRbacAuthorization: true", "enableRbacAuthorization: false", "secure"),
    Mistake(_VAULT, "enablePurgeProtection: true", "enablePurgeProtection: null", "secure"),
    Mistake(_VAULT, "isPrivate ? 'Deny' : 'Allow'", "isPrivate ? 'Allow' : 'Deny'", "secure"),
    Mistake(_APP, "httpsOnly: true", "httpsOnly: false", "secure"),
    Mistake(_APP, "      minTlsVersion: '1.2'", "      minTlsVersion: '1.0'", "secure"),
    Mistake(_APP, "ftpsState: 'Disabled'", "ftpsState: 'AllAllowed'", "secure"),
    Mistake(_APP, "allow: false", "allow: true", "secure"),
    Mistake(_APP, "name: 'scm'", "name: 'ftp'", "secure"),
    Mistake(_APP, "type: 'UserAssignedIdentity'", "type: 'StorageAccountConnectionString'", "secure"),
    Mistake(_APP, "SettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'", "SettingName: 'SIGN_IN_SECRET'", "secure"),
    Mistake(_APP, "requireAuthentication: true", "requireAuthentication: false", "secure"),
    Mistake(_MONITORING, "DisableLocalAuth: true", "DisableLocalAuth: false", "secure"),
    Mistake(_MONITORING, "disableLocalAuth: true", "disableLocalAuth: false", "secure"),
    # secrets
    Mistake(_STORAGE, "= account.name", "= account.listKeys().keys[0].value", "secrets"),
    Mistake(_STORAGE, "output name string", "output accountKey string = account.name\noutput name string", "secrets"),
    Mistake(_APP, "param modeCeiling", "@secure()\nparam webhookSecret string\nparam modeCeiling", "secrets"),
    Mistake(_APP, _SECRET_URI, "kQ3vT9xW2mZ7pL5nR8bY4cJ6hD1fG0sA", "secrets"),
    Mistake(
        _VAULT,
        "output id string",
        "resource made 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {\n  parent: vault\n  name: 'webhook-keys'\n"
        "  properties: { value: 'x' }\n}\n\noutput id string",
        "secrets",
    ),
    # roles
    Mistake(_ACCESS, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "b24988ac-6180-42a0-ab88-20f7382dd24c", "roles"),
    Mistake(_ACCESS, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "b7e6dc6d-f1e8-4753-8033-0f276bb0955c", "roles"),
    Mistake(_ACCESS, "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "974c5e8b-45b9-4653-ba55-5f855dd0fb88", "roles"),
    Mistake(_ACCESS, "var appStorageRoles = [roles.blobDataOwner, ", "var appStorageRoles = [", "roles"),
    Mistake(_ACCESS, "[roles.queueDataContributor, roles.tableDataContributor]", "[roles.blobDataOwner]", "roles"),
    Mistake(_ACCESS, "name: guid(account.id, principalId, role)", "name: guid(principalId)", "roles"),
    Mistake(_ACCESS, "  scope: appInsights\n", "", "roles"),
    Mistake(_ACCESS, "Roles: if (!empty(administratorId)) {", "Roles: {", "roles"),
    # modules
    Mistake(_MAIN, "dependsOn: [access]", "dependsOn: [vault]", "modules"),
    Mistake(_MAIN, "    dataverseUrl: dataverseUrl\n", "", "modules"),
    Mistake(_MAIN, "    redundancy: storageRedundancy", "    redundance: storageRedundancy", "modules"),
    Mistake(_MAIN, "'modules/vault.bicep'", "'br/public:avm/res/key-vault/vault:0.14.0'", "modules"),
    # budget
    Mistake(_BUDGET, "startDate: startDate", "startDate: '2026-12-01'", "budget"),
    Mistake(_BUDGET, "        thresholdType: 'Actual'\n", "", "budget"),
    # queues and tables
    Mistake(_STORAGE, "  'resync-pages-poison'\n", "", "queues"),
    Mistake(_STORAGE, "  'wakes'\n", "  'wake'\n", "queues"),
    Mistake("function_app.py", "queue_name=PAGES", 'queue_name="nightly"', "queues"),
    Mistake(_STORAGE, "'holds', ", "", "queues"),
    Mistake(_STORAGE, "for queueName in queueNames", "for queueName in tableNames", "queues"),
    # settings
    Mistake(_APP, "'MAPPING_FILE'", "'MAPPING_PATH'", "app-settings"),
    Mistake(_APP, "        { name: 'DATAVERSE_AUTH', value: 'managed_identity' }\n", "", "app-settings"),
    Mistake(_APP, _NEXT, "{ name: 'FUNCTIONS_WORKER_RUNTIME', value: 'python' }\n        " + _NEXT, "app-settings"),
    Mistake(_APP, _NEXT, "{ name: 'DATAVERSE_CLIENT_SECRET', value: '' }\n        " + _NEXT, "app-settings"),
    Mistake(_APP, _NEXT, "{ name: 'DATAVERSE_URL', value: '' }\n        " + _NEXT, "app-settings"),
    Mistake(_APP, "'AzureWebJobsStorage__queueServiceUri'", "'AzureWebJobsStorage__queueUri'", "app-settings"),
    Mistake(_APP, "secrets/ledger-hash-key", "secrets/webhook-keys", "app-settings"),
    Mistake(_APP, "value: 'managed_identity'", "value: 'secret'", "app-settings"),
    Mistake(_APP, "_THREAD_COUNT', value: '16'", "_THREAD_COUNT', value: '4'", "app-settings"),
    Mistake("consent_sync/settings.py", '"LEDGER_URL"', '"LEDGER_PLACE"', "app-settings"),
    Mistake("function_app.py", 'STORAGE = "AzureWebJobsStorage"', 'STORAGE = "QueueStorage"', "app-settings"),
    Mistake("function_app.py", "%SWEEP_SCHEDULE%", "%NIGHTLY_SCHEDULE%", "app-settings"),
    Mistake("consent_sync/bootstrap.py", "import os\n", 'import os\nos.environ["EXTRA"]\n', "app-settings"),
    # runtime, sign-in, schedules, parameters, alerts, azd
    Mistake(_APP, "version: '3.13'", "version: '3.11'", "runtime"),
    Mistake(_APP, "'function:reconcile'", "'function:reconciler'", "runtime"),
    Mistake(_APP, "'/api/dataverse-events', ", "", "sign-in"),
    Mistake(_APP, "'/api/health']", "'/api/health', '/api/status']", "sign-in"),
    Mistake("function_app.py", "AuthLevel.FUNCTION", "AuthLevel.ANONYMOUS", "sign-in"),
    Mistake(_MAIN, "/api/dataverse-events'", "/api/webhook'", "sign-in"),
    Mistake(_MAIN, "'0 */5 * * * *'", "'*/5 * * * ? *'", "schedules"),
    Mistake(_PARAMETERS, "'0 */5 * * * *'", "'0 61 * * * *'", "schedules"),
    Mistake(_PARAMETERS, "param alertEmail", "param alertMail", "parameters"),
    Mistake(_PARAMETERS, "param dataverseUrl", "// param dataverseUrl", "parameters"),
    Mistake(_PARAMETERS, "'CONSENT_SYNC_MODE', 'observe'", "'CONSENT_SYNC_MODE', 'two-way'", "parameters"),
    Mistake(_MAIN, "param modeCeiling string = 'observe'", "param modeCeiling string = 'restrict'", "parameters"),
    Mistake(_ALERTS, '"sweep" and Success == true', '"sweeper" and Success == true', "alerts"),
    Mistake(_ALERTS, f"enabled: true{_READS_A_LINE}", f"enabled: false{_READS_A_LINE}", "alerts"),
    Mistake(_ALERTS, "Said.oldest_opt_out", "Said.oldest_opt_outs", "alerts"),
    Mistake(_ALERTS, '"retried"', '"retries"', "alerts"),
    Mistake(_ALERTS, '"not-started"', '"never-started"', "alerts"),
    Mistake(_ALERTS, "Said.rule in", "Said.rules in", "alerts"),
    Mistake(_ALERTS, '("hold-brake", ', '("hold-brakes", ', "alerts"),
    Mistake("consent_sync/telemetry.py", 'HELD = "held"', 'HELD = "on-hold"', "alerts"),
    Mistake("consent_sync/ledger/tables_account.py", '"notes", "runs")', '"notes", "runs", "images")', "queues"),
    Mistake(_MAIN, "'azd-service-name': 'consent-sync'", "'azd-service-name': 'sync'", "azd"),
    Mistake("azure.yaml", "language: python", "language: py", "azd"),
]  # fmt: skip

TYPED = [
    Mistake(_STORAGE, "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersions: 'TLS1_2'", "types"),
    Mistake(_STORAGE, "storageAccounts@2025-06-01' = {", "storageAccounts@2025-06-31' = {", "types"),
    Mistake(_STORAGE, "kind: 'StorageV2'", "kind: 'StorageV9'", "types"),
    Mistake(_APP, "serverFarmId: plan.id", "serverFarmId: plann.id", "types"),
    Mistake(_APP, "properties: { reserved: true }", "properties: { reserved: 'true' }", "types"),
    Mistake(_VAULT, "    tenantId: tenant().tenantId\n", "", "types"),
    Mistake(_ACCESS, "guid(vault.id, administratorId", "uuid(vault.id, administratorId", "types"),
    Mistake(_NETWORK, "'Microsoft.Network/privateEndpoints@", "'Microsoft.Network/privateEndpoint@", "types"),
    Mistake(_MAIN, "monitoring.outputs.appInsightsName\n  }", "monitoring.outputs.appInsights\n  }", "types"),
    Mistake(_MAIN, "isPrivate: privateNetwork\n    allowed", "isPrivate: 'yes'\n    allowed", "types"),
    Mistake(_ALERTS, "  enabled: rule.enabled\n", "  enabled: 'yes'\n", "types"),
]  # fmt: skip
