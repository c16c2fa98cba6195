"""Whether the Bicep files give the deployed code what it asks for, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ruamel.yaml import YAML

from local.host.errors import HostError
from local.host.schedule import Schedule

from . import code
from .bicep import Expression, Resource
from .repository import Finding, Repository

IDENTITY_CONNECTION = ("credential", "clientId", "blobServiceUri", "queueServiceUri", "tableServiceUri")
PLATFORM = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
OTHER_SIGN_INS = {
    "DATAVERSE_TOKEN",
    "DATAVERSE_TENANT_ID",
    "DATAVERSE_CLIENT_SECRET",
    "DATAVERSE_CERTIFICATE",
}
COMMAND_LINE = {"WEBHOOK_URL", "IDENTITY_CLIENT_ID"}  # outputs of the templates, for whoever sets the service up
GIVEN = {"WEBSITE_SITE_NAME", "WEBSITE_AUTH_ENABLED"}  # App Service sets them itself
VALUES = {
    "AzureWebJobsStorage__credential": "managedidentity",
    "AzureWebJobsStorage__clientId": Expression("identityClientId"),
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": Expression("'ClientId=${identityClientId};Authorization=AAD'"),
    "DATAVERSE_AUTH": "managed_identity",
    "DATAVERSE_CLIENT_ID": Expression("identityClientId"),
    "AZURE_CLIENT_ID": Expression("identityClientId"),
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": Expression("identityClientId"),
    "LEDGER_URL": Expression("'https://${storageAccountName}.table.${environment().suffixes.storage}'"),
    "MAPPING_FILE": "mapping.yaml",
    "LEDGER_HASH_KEY": Expression("'@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/ledger-hash-key)'"),
    "WEBHOOK_KEYS": Expression("'@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/webhook-keys)'"),
    "CONSENT_SYNC_MODE": Expression("modeCeiling"),
    "MANAGEMENT_AUTH": Expression("empty(authClientId) ? 'key' : 'entra'"),
}
_POISON = "-poison"
_APP = "infra/modules/functionapp.bicep"


def queues(repository: Repository) -> Iterator[Finding]:
    """The account has the queues that the code binds, a poison queue for each, and the ledger's tables."""
    file = repository.bicep["infra/modules/storage.bicep"]
    names = file.variables.get("queueNames") or []
    bound = code.bindings(repository).queues
    for name in sorted((bound | {queue + _POISON for queue in bound}) ^ set(names)):
        missing = "is missing" if name not in names else "is bound by no function"
        yield Finding("queues", file.path, f"queue {name} {missing}")
    wanted, tables = code.tables(repository), set(file.variables.get("tableNames") or [])
    for name in sorted(wanted ^ tables):
        yield Finding("queues", file.path, f"table {name} {'is missing' if name in wanted else 'is unknown'}")
    for symbol, over in (("queues", "queueNames"), ("tables", "tableNames")):
        if symbol not in file.resources or file.resources[symbol].over != Expression(over):
            yield Finding("queues", file.path, f"the {symbol} are not made from {over}")


def app_settings(repository: Repository) -> Iterator[Finding]:
    """Every setting and connection that the code reads is set, and nothing else."""
    (app,) = repository.of_type("Microsoft.Web/sites")
    entries = app.get("properties.siteConfig.appSettings") or []
    given = {entry["name"]: entry["value"] for entry in entries}
    if len(given) != len(entries):
        yield Finding("app-settings", app.where, "a setting is there twice")
    bound = code.bindings(repository)
    wanted = (code.settings(repository) - OTHER_SIGN_INS - GIVEN) | bound.settings | PLATFORM
    wanted |= {f"{connection}__{part}" for connection in bound.connections for part in IDENTITY_CONNECTION}
    for name in sorted(wanted ^ given.keys()):
        yield Finding("app-settings", app.where, f"{name} {'is missing' if name in wanted else 'is read by nobody'}")
    for name, value in VALUES.items():
        if name in given and given[name] != value:
            yield Finding("app-settings", app.where, f"{name} is {given[name]!r}, not {value!r}")
    for text in repository.python():
        for found in re.findall(r"environ(?:\.get\(|\[)\s*['\"](\w+)|getenv\(['\"](\w+)", text):
            name = next(filter(None, found))
            if name not in wanted | OTHER_SIGN_INS | GIVEN | COMMAND_LINE:
                yield Finding("app-settings", app.where, f"the code reads {name} past consent_sync/settings.py")
    yield from _threads(app, given, repository)


def _threads(app: Resource, given: dict[str, str], repository: Repository) -> Iterator[Finding]:
    batch = json.loads(repository.text("host.json"))["extensions"]["queues"]["batchSize"]
    at_once = batch + batch // 2  # the host fetches the next batch when half of the last is left
    if int(given.get("PYTHON_THREADPOOL_THREAD_COUNT", 0)) < at_once:
        yield Finding("app-settings", app.where, f"the host hands out {at_once} messages at once: too few threads")


def runtime(repository: Repository) -> Iterator[Finding]:
    """The app runs the Python that the tests ran, and only functions that exist are kept ready."""
    (app,) = repository.of_type("Microsoft.Web/sites")
    wanted = re.search(r'requires-python = ">=([\d.]+)"', repository.text("pyproject.toml"))
    version = app.get("properties.functionAppConfig.runtime.version")
    if wanted is None or version != wanted[1] or app.get("properties.functionAppConfig.runtime.name") != "python":
        yield Finding("runtime", app.where, f"pyproject.toml and the app differ: {version}")
    ready = str(app.get("properties.functionAppConfig.scaleAndConcurrency.alwaysReady"))
    for name in re.findall(r"'function:(\w+)'", ready):
        if name not in code.bindings(repository).functions:
            yield Finding("runtime", app.where, f"there is no function {name} to keep ready")


def sign_in(repository: Repository) -> Iterator[Finding]:
    """App Service lets exactly those calls through that the code lets anybody make."""
    for resource in repository.of_type("Microsoft.Web/sites/config"):
        paths = set(resource.get("properties.globalValidation.excludedPaths") or [])
        for path in sorted(paths ^ code.bindings(repository).open_paths):
            yield Finding("sign-in", resource.where, f"{path} is open here or in the code, not in both")
    webhook = str(repository.main.outputs.get("WEBHOOK_URL"))
    if not webhook.endswith("/api/dataverse-events'"):
        yield Finding("sign-in", "infra/main.bicep", "WEBHOOK_URL is not the path of the webhook")


def schedules(repository: Repository) -> Iterator[Finding]:
    """Each schedule is a parameter whose default the functions host can run."""
    app = repository.bicep[_APP].resources["app"]
    given = {entry["name"]: entry["value"] for entry in app.get("properties.siteConfig.appSettings") or []}
    passed = repository.main.modules["app"].get("params") or {}
    for name in sorted(code.bindings(repository).schedules & given.keys()):
        parameter = repository.main.parameters.get(str(passed.get(str(given[name]))))
        in_file = re.findall(rf"readEnvironmentVariable\('{name}', '(.*)'\)", repository.text("infra/main.bicepparam"))
        for text in [parameter.default if parameter else "", *in_file]:
            try:
                Schedule(text, name)
            except HostError as error:
                yield Finding("schedules", _APP, str(error))


def parameters(repository: Repository) -> Iterator[Finding]:
    """main.bicepparam gives what main.bicep needs; the mode starts at the bottom of the ladder."""
    path, declared = "infra/main.bicepparam", repository.main.parameters
    given = set()
    for number, line in enumerate(repository.text(path).splitlines(), 1):
        assigned = re.fullmatch(r"param (\w+) = \S.*", line)
        given |= {assigned[1]} if assigned else set()
        if not assigned and not re.fullmatch(r"|//.*|using 'main\.bicep'", line):
            yield Finding("parameters", f"{path}:{number}", "only using, param and comments stand here")
    needed = {name for name, parameter in declared.items() if not parameter.has_default}
    for name in sorted((needed - given) | (given - declared.keys())):
        yield Finding("parameters", path, f"{name} is not what main.bicep declares")
    ladder, mode = code.modes(repository), declared.get("modeCeiling")
    in_file = re.findall(r"readEnvironmentVariable\('CONSENT_SYNC_MODE', '(.*)'\)", repository.text(path))
    if mode is None or mode.decorators.get("allowed") != ladder or {mode.default, *in_file} != {ladder[0]}:
        yield Finding("parameters", path, f"the mode must be one of {ladder}, and the first unless somebody says so")


def azd(repository: Repository) -> Iterator[Finding]:
    """azure.yaml names the app by the tag that main.bicep puts on it."""
    services = YAML(typ="safe").load(repository.text("azure.yaml"))["services"]
    tags = str((repository.main.modules["app"].get("params") or {}).get("tags"))
    for name, service in services.items():
        if f"'azd-service-name': '{name}'" not in tags:
            yield Finding("azd", "azure.yaml", f"no resource has the tag azd-service-name: {name}")
        if service != {"project": ".", "language": "python", "host": "function"}:
            yield Finding("azd", "azure.yaml", f"service {name} must be a Python function app in this folder")
    if "azd-env-name" not in (repository.main.variables.get("tags") or {}):
        yield Finding("azd", "infra/main.bicep", "azd finds the resources by the tag azd-env-name")
