"""Users, organization, system jobs and webhook registration (dataverse.md 1.1 to 1.4)."""

from __future__ import annotations

from .common import LINKED_RIGHTS, ROW_MESSAGES, ROW_RIGHTS, secured, table
from .model import Column, Table, choice, choice_from, lookup, memo, moment, number, state, text, yes_no

_READ = frozenset({"Retrieve", "RetrieveMultiple"})
_STAGES = {
    5: "Initial Pre-operation (For internal use only)",
    10: "Pre-validation",
    15: "Internal Pre-operation Before External Plugins (For internal use only)",
    20: "Pre-operation",
    25: "Internal Pre-operation After External Plugins (For internal use only)",
    30: "Main Operation (For internal use only)",
    35: "Internal Post-operation Before External Plugins (For internal use only)",
    40: "Post-operation",
    45: "Internal Post-operation After External Plugins (For internal use only)",
    50: "Post-operation (Deprecated)",
    55: "Final Post-operation (For internal use only)",
    80: "Pre-Commit stage fired before transaction commit (For internal use only)",
    90: "Post-Commit stage fired after transaction commit (For internal use only)",
}


def _people() -> list[Table]:
    users = [
        text("fullname", 200),
        text("firstname", 256),
        text("lastname", 256),
        text("domainname", 1024),
        text("internalemailaddress"),
        Column("applicationid", "guid"),
        Column("azureactivedirectoryobjectid", "guid"),
        yes_no("isdisabled"),
        lookup("businessunitid", "businessunit", collection="business_unit_system_users", on_delete="none"),
    ]
    units = [text("name", 160), lookup("parentbusinessunitid", "businessunit", on_delete="none")]
    organizations = [
        text("name", 160),
        number("expirechangetrackingindays", default=7),
        number("languagecode", default=1033),
        yes_no("isauditenabled"),
    ]
    return [
        table(
            *("systemuser", users),
            title="fullname",
            code=8,
            ownership="none",
            states=[],
            messages=ROW_MESSAGES,
            privileges=secured("User", LINKED_RIGHTS),
        ),
        table(
            *("businessunit", units),
            title="name",
            code=10,
            ownership="none",
            states=[],
            messages=_READ,
            privileges=secured("BusinessUnit", LINKED_RIGHTS),
        ),
        table(
            *("organization", organizations),
            title="name",
            code=1019,
            ownership="none",
            states=[],
            messages=_READ | {"Update"},
            privileges=secured("Organization", ("Read", "Write")),
        ),
    ]


def _messages() -> list[Table]:
    filters = [
        text("primaryobjecttypecode", 64),
        text("secondaryobjecttypecode", 64, default="none"),
        yes_no("iscustomprocessingstepallowed", default=True),
        lookup("sdkmessageid", "sdkmessage", collection="sdkmessageid_sdkmessagefilter", on_delete="none"),
    ]
    return [
        table(
            *("sdkmessage", [text("name", 256), text("categoryname", 25)]),
            title="name",
            code=4606,
            ownership="none",
            states=[],
            messages=_READ,
            privileges=secured("SdkMessage", ROW_RIGHTS),
        ),
        table(
            *("sdkmessagefilter", filters),
            title="primaryobjecttypecode",
            code=4607,
            ownership="none",
            states=[],
            messages=_READ,
            privileges=secured("SdkMessage", ROW_RIGHTS),
        ),
    ]


def _endpoint() -> Table:
    columns = [
        text("name", 256),
        memo("description", 2000),
        choice_from(
            *("contract", 1, "OneWay", "Queue", "Rest", "TwoWay", "Topic", "Queue (Persistent)"),
            *("Event Hub", "Webhook", "Event Grid", "Managed Data Lake"),
            required=True,
        ),
        choice_from(
            *("authtype", 1, "ACS", "SAS Key", "SAS Token", "Webhook Key", "Http Header"),
            *("Http Query String", "Connection String", "Access Key"),
        ),
        text("authvalue", 2048, readable=False),
        yes_no("isauthvalueset", on_create=False, on_update=False),
        text("url", 2000),
        choice_from("connectionmode", 1, "Normal", "Federated", default=1),
        choice_from("messageformat", 1, "Binary XML", "Json", "Text XML", default=2),
        choice_from("messagecharset", 0, "Default", "UTF8", "Windows-1252", default=1),
        choice_from("userclaim", 1, "None", "UserId", "UserInfo", default=1),
        text("solutionnamespace", 160),
        text("path", 160),
        text("namespaceaddress", 255),
        choice_from("namespaceformat", 1, "Namespace Name", "Namespace Address"),
        text("saskeyname", 256),
        *(text(name, 512, readable=False) for name in ("saskey", "sastoken")),
        *(yes_no(name, on_create=False, on_update=False) for name in ("issaskeyset", "issastokenset")),
        choice_from("schematype", 1, "EventGrid", "CloudEvents"),
        yes_no("usekeyvaultconfiguration"),
    ]
    return table(
        *("serviceendpoint", columns),
        title="name",
        code=4618,
        ownership="organization",
        states=[],
        messages=ROW_MESSAGES,
        privileges=secured("ServiceEndpoint", ROW_RIGHTS),
    )


def _step() -> Table:
    columns = [
        text("name", 256),
        memo("description", 256),
        memo("configuration", 1073741823),
        lookup(
            "eventhandler",
            {"serviceendpoint": "eventhandler_serviceendpoint", "plugintype": "eventhandler_plugintype"},
            collection="{target}_sdkmessageprocessingstep",
            required=True,
            on_delete="cascade",
        ),
        text("eventhandlertypecode", on_create=False, on_update=False),
        lookup(
            "sdkmessageid",
            "sdkmessage",
            collection="sdkmessageid_sdkmessageprocessingstep",
            required=True,
            on_delete="none",
        ),
        lookup(
            "sdkmessagefilterid",
            "sdkmessagefilter",
            collection="sdkmessagefilterid_sdkmessageprocessingstep",
            on_delete="none",
        ),
        choice_from("mode", 0, "Synchronous", "Asynchronous", required=True, default=0),
        choice("stage", _STAGES, required=True, default=40),
        number("rank", required=True, default=1),
        memo("filteringattributes", 100000),
        yes_no("asyncautodelete", required=True),
        choice_from("supporteddeployment", 0, "Server Only", "Dynamics 365 Client for Outlook Only", "Both", default=0),
        choice("invocationsource", {-1: "Internal", 0: "Parent", 1: "Child"}, default=0),
        lookup("impersonatinguserid", "systemuser", on_delete="none"),
        yes_no("canbebypassed", default=True),
        yes_no("canusereadonlyconnection"),
        text("category", 100),
        yes_no("enablepluginprofiler"),
        text("eventexpander", 256),
    ]
    return table(
        *("sdkmessageprocessingstep", columns),
        title="name",
        code=4608,
        ownership="organization",
        states=state(("Enabled", {1: "Enabled"}), ("Disabled", {2: "Disabled"})),
        messages=ROW_MESSAGES,
        privileges=secured("SdkMessageProcessingStep", ROW_RIGHTS),
    )


def _image() -> Table:
    columns = [
        text("name", 256),
        memo("description", 256),
        memo("attributes", 100000),
        text("entityalias", 256),
        choice_from("imagetype", 0, "PreImage", "PostImage", "Both", required=True),
        text("messagepropertyname", 256, required=True),
        text("relatedattributename", 256),
        lookup(
            "sdkmessageprocessingstepid",
            "sdkmessageprocessingstep",
            collection="sdkmessageprocessingstepid_sdkmessageprocessingstepimage",
            required=True,
            on_delete="cascade",
        ),
    ]
    return table(
        *("sdkmessageprocessingstepimage", columns),
        title="name",
        code=4615,
        ownership="organization",
        states=[],
        messages=ROW_MESSAGES,
        privileges=secured("SdkMessageProcessingStepImage", ROW_RIGHTS),
    )


def _job() -> Table:
    columns = [
        text("name", 256),
        number("operationtype", default=1),
        text("messagename", 160),
        text("primaryentitytype", 128),
        Column("regardingobjectid", "guid"),
        memo("message", 1073741823),
        memo("friendlymessage", 2000),
        text("correlationid", 36),
        number("depth"),
        number("errorcode"),
        number("retrycount"),
        moment("startedon"),
        moment("completedon"),
        lookup(
            "owningextensionid",
            {"sdkmessageprocessingstep": "owningextensionid"},
            collection="SdkMessageProcessingStep_AsyncOperations",
            on_delete="none",
        ),
    ]
    states = state(
        ("Ready", {0: "Waiting For Resources"}),
        ("Suspended", {10: "Waiting"}),
        ("Locked", {20: "In Progress", 21: "Pausing", 22: "Canceling"}),
        ("Completed", {30: "Succeeded", 31: "Failed", 32: "Canceled"}),
    )
    messages = frozenset({"Retrieve", "RetrieveMultiple", "Update", "Delete"})
    return table(
        *("asyncoperation", columns),
        title="name",
        code=4700,
        states=states,
        messages=messages,
        privileges=secured("AsyncOperation"),
    )


def tables() -> list[Table]:
    """The tables of this module."""
    return [*_people(), *_messages(), _endpoint(), _step(), _image(), _job()]
