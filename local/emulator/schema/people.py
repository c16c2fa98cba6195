"""Tables contact, lead and account (dataverse.md 5.1 and 5.2; CDM Contact, Lead; customer-engagement reference)."""

from __future__ import annotations

from .common import ALL_MESSAGES, EVENTS, secured, table
from .model import (
    Column,
    Table,
    choice,
    choice_from,
    lookup,
    memo,
    moment,
    number,
    read_only,
    state,
    text,
    texts,
    yes_no,
)

ALLOW = ("Allow", "Do Not Allow")
DEFAULT_VALUE = {1: "Default Value"}
_MESSAGES = ALL_MESSAGES | {"Merge"}
_EVENTS = EVENTS | {"Merge"}


def _person(name: str, columns: list[Column], *, title: str, code: int, states: list[Column] | None = None) -> Table:
    return table(
        *(name, columns),
        title=title,
        code=code,
        states=states,
        messages=_MESSAGES,
        events=_EVENTS,
        change_tracking=True,
        privileges=secured(name.capitalize()),
    )


def _preferences() -> list[Column]:
    return [
        yes_no("donotphone", ALLOW),
        yes_no("donotfax", ALLOW),
        yes_no("donotemail", ALLOW),
        yes_no("donotpostalmail", ALLOW),
        yes_no("donotbulkemail", ALLOW),
        yes_no("donotsendmm", ("Send", "Do Not Send")),
        yes_no("followemail", ("Do Not Allow", "Allow"), default=True),
        choice_from("preferredcontactmethodcode", 1, "Any", "Email", "Phone", "Fax", "Mail", default=1),
        yes_no("msdyn_gdproptout"),
        read_only(yes_no("merged")),
        yes_no("participatesinworkflow"),
        moment("lastusedincampaign"),
        moment("lastonholdtime"),
    ]


def _address(number_: int) -> list[Column]:
    prefix = f"address{number_}_"
    return [
        *(text(f"{prefix}{part}", 250) for part in ("line1", "line2", "line3")),
        *(text(f"{prefix}{part}", 80) for part in ("city", "country")),
        *(text(f"{prefix}{part}", 50) for part in ("stateorprovince", "county", "telephone1")),
        text(f"{prefix}postalcode", 20),
        text(f"{prefix}name", 200),
    ]


def _emails() -> list[Column]:
    return [text("emailaddress1", indexed=True), text("emailaddress2", indexed=True), text("emailaddress3")]


def _contact() -> Table:
    columns = [
        text("fullname", 160, on_create=False, on_update=False),
        text("yomifullname", 450, on_create=False, on_update=False),
        *texts(100, "salutation", "jobtitle", "nickname", "department", "spousesname", "assistantname", "managername"),
        *texts(50, "firstname", "middlename", "lastname", "governmentid", "employeeid", "externaluseridentifier"),
        *texts(50, "assistantphone", "managerphone", "pager", "telephone1", "telephone2", "telephone3", "fax"),
        *texts(50, "business2", "callback", "company", "home2"),
        text("suffix", 10),
        *texts(150, "yomifirstname", "yomimiddlename", "yomilastname"),
        *texts(200, "websiteurl", "ftpsiteurl"),
        text("childrensnames", 255),
        memo("description"),
        *_emails(),
        text("mobilephone", 50, indexed=True),
        *_address(1),
        *_address(2),
        *_preferences(),
        yes_no("donotbulkpostalmail"),
        yes_no("creditonhold"),
        yes_no("isbackofficecustomer"),
        yes_no("marketingonly"),
        choice(
            "msgdpr_gdprconsent",
            dict(
                enumerate(
                    ("(1) Consent", "(2) Transactional", "(3) Subscriptions", "(4) Marketing", "(5) Profiling"),
                    587030001,
                )
            ),
            default=587030001,
        ),
        yes_no("msgdpr_donottrack", ALLOW),
        yes_no("msgdpr_gdprischild"),
        moment("anniversary"),
        moment("birthdate"),
        *(Column(name, "money") for name in ("annualincome", "creditlimit", "aging30", "aging60", "aging90")),
        choice_from("gendercode", 1, "Male", "Female"),
        choice_from("familystatuscode", 1, "Single", "Married", "Divorced", "Widowed"),
        choice_from("accountrolecode", 1, "Decision Maker", "Employee", "Influencer"),
        choice_from("paymenttermscode", 1, "Net 30", "2% 10, Net 30", "Net 45", "Net 60"),
        choice_from(
            "preferredappointmentdaycode",
            0,
            *("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
        ),
        choice_from("preferredappointmenttimecode", 1, "Morning", "Afternoon", "Evening"),
        *(
            choice(name, DEFAULT_VALUE, default=1)
            for name in (
                *("customersizecode", "customertypecode", "leadsourcecode", "shippingmethodcode"),
                *("territorycode", "haschildrencode", "educationcode"),
            )
        ),
        number("numberofchildren"),
        lookup(
            "parentcustomerid",
            {"account": "parentcustomerid_account", "contact": "parentcustomerid_contact"},
            collection="contact_customer_{target}s",
        ),
        read_only(lookup("masterid", "contact", collection="contact_master_contact", on_delete="none")),
        lookup("originatingleadid", "lead", collection="contact_originating_lead"),
        lookup("preferredsystemuserid", "systemuser", on_delete="none"),
        *(  # their tables are not here, so these stay empty
            lookup(f"{name}id", target, on_delete="none")
            for name, target in (
                *(("transactioncurrency", "transactioncurrency"), ("defaultpricelevel", "pricelevel"), ("sla", "sla")),
                *(("preferredservice", "service"), ("preferredequipment", "equipment")),
            )
        ),
        Column("processid", "guid", default="00000000-0000-0000-0000-000000000000"),
    ]
    return _person("contact", columns, title="fullname", code=2)


def _lead() -> Table:
    columns = [
        text("fullname", 160, on_create=False, on_update=False),
        text("yomifullname", 450, on_create=False, on_update=False),
        text("subject", 300),
        *texts(50, "firstname", "middlename", "lastname", "telephone1", "telephone2", "telephone3", "fax"),
        *texts(100, "companyname", "jobtitle", "salutation"),
        *_emails(),
        text("mobilephone", 20, indexed=True),
        text("pager", 20),
        text("websiteurl", 200),
        memo("description"),
        *_address(1),
        *_preferences(),
        choice_from(
            "leadsourcecode",
            1,
            *("Advertisement", "Employee Referral", "External Referral", "Partner", "Public Relations"),
            *("Seminar", "Trade Show", "Web", "Word of Mouth", "Other"),
        ),
        choice_from("leadqualitycode", 1, "Hot", "Warm", "Cold", default=2),
        read_only(lookup("masterid", "lead", collection="lead_master_lead", on_delete="none")),
        lookup("parentcontactid", "contact", collection="lead_parent_contact"),
        lookup("parentaccountid", "account", collection="lead_parent_account"),
        lookup(
            "customerid",
            {"account": "customerid_account", "contact": "customerid_contact"},
            collection="lead_customer_{target}s",
        ),
    ]
    states = state(
        ("Open", {1: "New", 2: "Contacted"}),
        ("Qualified", {3: "Qualified"}),
        ("Disqualified", {4: "Lost", 5: "Cannot Contact", 6: "No Longer Interested", 7: "Canceled"}),
    )
    return _person("lead", columns, title="fullname", code=4, states=states)


def _account() -> Table:
    columns = [
        text("name", 160),
        *_emails(),
        *texts(50, "telephone1", "fax"),
        text("accountnumber", 20),
        text("websiteurl", 200),
        memo("description"),
        *_address(1),
        *_preferences(),
        yes_no("donotbulkpostalmail"),
        yes_no("creditonhold"),
        read_only(lookup("masterid", "account", collection="account_master_account", on_delete="none")),
        lookup("parentaccountid", "account", collection="account_parent_account"),
        lookup("primarycontactid", "contact", collection="account_primary_contact"),
    ]
    return _person("account", columns, title="name", code=1)


def _email() -> Table:
    columns = [
        text("subject", 800),
        memo("description", 1073741823),
        text("messageid", 320),
        yes_no("directioncode", ("Incoming", "Outgoing"), default=True),
        moment("actualend"),
    ]
    states = state(("Open", {1: "Draft"}), ("Completed", {2: "Completed", 3: "Sent"}), ("Canceled", {5: "Canceled"}))
    privileges = secured("Activity")
    return table("email", columns, title="subject", code=4202, key="activityid", states=states, privileges=privileges)


def tables() -> list[Table]:
    """The tables of this module."""
    return [_contact(), _lead(), _account(), _email()]
