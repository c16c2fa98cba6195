"""What this project demands of its Bicep files, whatever the code does: style, security, roles, no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from .bicep import Expression, Resource, walk
from .repository import Finding, Repository

_STORAGE, _VAULT, _SITE = "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults", "Microsoft.Web/sites"
_BASIC_AUTH = f"{_SITE}/basicPublishingCredentialsPolicies"
_DEPLOYMENT = "properties.functionAppConfig.deployment.storage.authentication"
_ENTRA = "properties.identityProviders.azureActiveDirectory"
SECURE = {
    (_STORAGE, "properties.allowSharedKeyAccess"): False,
    (_STORAGE, "properties.allowBlobPublicAccess"): False,
    (_STORAGE, "properties.allowCrossTenantReplication"): False,
    (_STORAGE, "properties.defaultToOAuthAuthentication"): True,
    (_STORAGE, "properties.minimumTlsVersion"): "TLS1_2",
    (_STORAGE, "properties.supportsHttpsTrafficOnly"): True,
    (_STORAGE, "properties.publicNetworkAccess"): Expression("isPrivate ? 'Disabled' : 'Enabled'"),
    (_STORAGE, "properties.networkAcls.defaultAction"): Expression("isPrivate ? 'Deny' : 'Allow'"),
    (f"{_STORAGE}/blobServices/containers", "properties.publicAccess"): "None",
    (_VAULT, "properties.enableRbacAuthorization"): True,
    (_VAULT, "properties.enableSoftDelete"): True,
    (_VAULT, "properties.enablePurgeProtection"): True,
    (_VAULT, "properties.networkAcls.defaultAction"): Expression("isPrivate ? 'Deny' : 'Allow'"),
    (_SITE, "identity.type"): "UserAssigned",
    (_SITE, "properties.httpsOnly"): True,
    (_SITE, "properties.keyVaultReferenceIdentity"): Expression("identityId"),
    (_SITE, f"{_DEPLOYMENT}.type"): "UserAssignedIdentity",
    (_SITE, "properties.siteConfig.minTlsVersion"): "1.2",
    (_SITE, "properties.siteConfig.scmMinTlsVersion"): "1.2",
    (_SITE, "properties.siteConfig.ftpsState"): "Disabled",
    (_BASIC_AUTH, "properties.allow"): False,
    (f"{_SITE}/config", "properties.platform.enabled"): True,
    (f"{_SITE}/config", f"{_ENTRA}.registration.clientSecretSettingName"): "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
    (f"{_SITE}/config", "properties.httpSettings.requireHttps"): True,
    (f"{_SITE}/config", "properties.globalValidation.requireAuthentication"): True,
    (f"{_SITE}/config", "properties.globalValidation.unauthenticatedClientAction"): "Return401",
    ("Microsoft.Insights/components", "properties.DisableLocalAuth"): True,
    ("Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth"): True,
}
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "queueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "tableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "vaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "vaultSecretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "metricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
GRANTED = {
    ("principalId", "account"): {"blobDataOwner", "queueDataContributor", "tableDataContributor"},
    ("principalId", "vault"): {"vaultSecretsUser"},
    ("principalId", "appInsights"): {"metricsPublisher"},
    ("administratorId", "account"): {"queueDataContributor", "tableDataContributor"},
    ("administratorId", "vault"): {"vaultSecretsOfficer"},
}
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_KEY_CALLS = re.compile(r"\b(listKeys|listAccountSas|listSecrets|getSecret)\b|\.list\w+\(")
_KEY_TEXT = re.compile(
    r"AccountKey=|SharedAccess|InstrumentationKey|BEGIN [A-Z ]*PRIVATE|DefaultEndpointsProtocol", re.IGNORECASE
)
_SECRET_NAME = re.compile(r"secret|password|keys?$", re.IGNORECASE)
_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_FEW_DIGITS = 3
_FIRST_OF_MONTH_ONLY = "startDate"


def syntax(repository: Repository) -> Iterator[Finding]:
    """Every file can be read, by the weaker tools too."""
    for path, file in repository.bicep.items():
        for line in file.errors:
            yield Finding("syntax", f"{path}:{line}", "this is not Bicep that the grammar knows")
        for node in walk(file.root):
            where = f"{path}:{node.start_point.row + 1}"
            if node.type == "resource_declaration" and node.parent != file.root:
                yield Finding("syntax", where, "declare it at the top, with parent:")
            if node.type in {"array_type", "nullable_type", "union_type", "spread_expression", "import_statement"}:
                yield Finding("syntax", where, f"{node.type} is not read by every tool: use array, object, union()")
        if re.search(r"resourceInput|\b\w+\[\]\s|^\s*\.\.\.|^import ", file.text, re.MULTILINE):
            yield Finding("syntax", path, "resourceInput, type[], ... and import are not read by every tool")


def secure(repository: Repository) -> Iterator[Finding]:
    """Settings that protect, on every resource of their type."""
    for (kind, path), wanted in SECURE.items():
        resources = repository.of_type(kind)
        if not resources:
            yield Finding("secure", kind, "there is no such resource, so nothing sets " + path)
        for resource in resources:
            given = resource.get(path)
            if given != wanted or type(given) is not type(wanted):
                yield Finding("secure", resource.where, f"{path} is {given!r}, not {wanted!r}")
    off = {resource.get("name") for resource in repository.of_type(_BASIC_AUTH)}
    for name in {"ftp", "scm"} - off:
        yield Finding("secure", _BASIC_AUTH, f"the password of {name} is not switched off")


def secrets(repository: Repository) -> Iterator[Finding]:
    """No template holds, takes, reads or gives a secret."""
    for path, file in repository.bicep.items():
        for pattern in (_KEY_CALLS, _KEY_TEXT):
            yield from (Finding("secrets", path, f"{found[0]!r}") for found in pattern.finditer(file.text))
        for name in (*file.parameters, *file.outputs):
            if _SECRET_NAME.search(name):
                yield Finding("secrets", path, f"{name} looks like a secret: people put them into the vault")
        for node in walk(file.root):
            if node.type == "string_content" and node.text and _looks_random(node.text.decode()):
                yield Finding("secrets", f"{path}:{node.start_point.row + 1}", "a text that looks like a secret")
    for resource in repository.of_type(f"{_VAULT}/secrets"):
        yield Finding("secrets", resource.where, "a template that makes a secret knows it")


def _looks_random(text: str) -> bool:
    runs = (run for run in _RANDOM.findall(_GUID.sub("", text)))
    return any(sum(sign.isdigit() for sign in run) >= _FEW_DIGITS for run in runs)


def roles(repository: Repository) -> Iterator[Finding]:
    """Known built-in roles only, each where it is needed, and no more."""
    for path, file in repository.bicep.items():
        for guid in set(_GUID.findall(file.text)) - set(ROLES.values()):
            yield Finding("roles", path, f"{guid} is no role that this project uses")
        for name, guid in (file.variables.get("roles") or {}).items():
            if ROLES.get(name) != guid:
                yield Finding("roles", path, f"{name} is not {guid}")
    granted: dict[tuple[str, str], set[str]] = {}
    for resource in repository.of_type("Microsoft.Authorization/roleAssignments"):
        who, scope = resource.get("properties.principalId"), resource.get("scope")
        granted.setdefault((str(who), str(scope)), set()).update(_roles_of(resource, repository))
        if not re.fullmatch(rf"guid\({scope}\.id, {who}, [\w.]+\)", str(resource.get("name"))):
            yield Finding("roles", resource.where, f"the name must be a guid() of {scope}, {who} and the role")
        if who == Expression("administratorId") and resource.condition != Expression("(!empty(administratorId))"):
            yield Finding("roles", resource.where, "without an administrator there must be no assignment")
    for who_where in granted.keys() | GRANTED.keys():
        has, needs = granted.get(who_where, set()), GRANTED.get(who_where, set())
        if has != needs:
            says = f"{who_where[0]} has {sorted(has)} on {who_where[1]} and needs {sorted(needs)}"
            yield Finding("roles", "infra/modules/access.bicep", says)


def _roles_of(resource: Resource, repository: Repository) -> set[str]:
    text = str(resource.get("properties.roleDefinitionId"))
    if resource.over:
        text = " ".join(str(role) for role in repository.bicep[resource.file].variables[str(resource.over)])
    return set(re.findall(r"\broles\.(\w+)", text))


def modules(repository: Repository) -> Iterator[Finding]:
    """Modules are our own files, all used, and get exactly the parameters they declare."""
    used = set()
    for module in repository.main.modules.values():
        path = str(PurePosixPath("infra") / module.target)
        file = repository.bicep.get(path)
        if file is None:
            yield Finding("modules", module.where, f"{module.target} is no file here")
            continue
        used.add(path)
        given = set(module.get("params") or {})
        needed = {name for name, parameter in file.parameters.items() if not parameter.has_default}
        for name in sorted((needed - given) | (given - file.parameters.keys())):
            yield Finding("modules", module.where, f"{name} is not what {module.target} declares")
    for path in repository.bicep.keys() - used - {"infra/main.bicep"}:
        yield Finding("modules", path, "main.bicep does not use it")
    order = (repository.main.modules["app"].get("dependsOn") if "app" in repository.main.modules else None) or []
    if Expression("access") not in order:
        yield Finding("modules", "infra/main.bicep", "the app must wait for its roles: dependsOn: [access]")


def budget(repository: Repository) -> Iterator[Finding]:
    """The budget has the shape that Microsoft.Consumption/budgets needs; no type data is at hand for it."""
    for resource in repository.of_type("Microsoft.Consumption/budgets"):
        if not resource.target.endswith("@2023-11-01"):
            yield Finding("budget", resource.where, "the check knows the API version 2023-11-01")
        wanted = {"category": "Cost", "timeGrain": "Monthly"}
        for name, text in wanted.items():
            if resource.get(f"properties.{name}") != text:
                yield Finding("budget", resource.where, f"{name} must be {text}")
        if resource.get("properties.timePeriod.startDate") != Expression(_FIRST_OF_MONTH_ONLY):
            yield Finding("budget", resource.where, "Azure never lets a start date change: take it as a parameter")
        notifications = resource.get("properties.notifications") or {}
        for name, rule in notifications.items():
            if {"enabled", "operator", "threshold", "thresholdType", "contactEmails"} != set(rule):
                yield Finding("budget", resource.where, f"notification {name} is incomplete")
        if not notifications:
            yield Finding("budget", resource.where, "a budget without notifications tells nobody")
    if not repository.of_type("Microsoft.Consumption/budgets"):
        yield Finding("budget", "infra", "there is no budget")
