from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consent_sync.dataverse.context import BadEvent, EventContext, parse
from consent_sync.dataverse.values import Reference

GOLDEN = Path(__file__).parent / "golden" / "update_contact.json"
CONTACT = "6d81597f-0f9f-e711-8122-000d3aa2331c"
USER = "75c2dd85-e89e-e711-8122-000d3aa2331c"
ORGANIZATION = "4ef5b371-e89e-e711-8122-000d3aa2331c"
LIST = "11111111-aaaa-bbbb-cccc-000000000001"
ZERO = "00000000-0000-0000-0000-000000000000"
CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"


def event(**members: Any) -> EventContext:
    body = {
        "MessageName": "Update",
        "PrimaryEntityName": "contact",
        "PrimaryEntityId": CONTACT,
        "OrganizationId": ORGANIZATION,
        "InputParameters": [],
        "PreEntityImages": [],
        "PostEntityImages": [],
        **members,
    }
    return parse(json.dumps(body).encode())


def parameters(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def row(**values: Any) -> dict[str, Any]:
    return {"Attributes": parameters(**values), "Id": CONTACT, "LogicalName": "contact"}


def column(value: Any) -> Any:
    return event(InputParameters=parameters(Target=row(column=value))).target["column"]


def test_the_documented_body_reads_as_documented() -> None:
    found = parse(GOLDEN.read_bytes())
    assert found == EventContext(
        message="Update",
        table="contact",
        organization_id=ORGANIZATION,
        record_id=CONTACT,
        operation_id="4af10637-4ea2-e711-8122-000d3aa2331c",
        correlation_id="b374239d-4233-41a9-8b17-a86cb4f737b5",
        initiating_user_id=USER,
        depth=1,
        occurred_at=datetime(2017, 9, 26, 7, 4, 8, tzinfo=UTC),
        target={
            "firstname": "James",
            "contactid": CONTACT,
            "fullname": "James Glynn (sample)",
            "yomifullname": "James Glynn (sample)",
            "modifiedon": datetime(2017, 9, 26, 0, 4, 7, tzinfo=UTC),
            "modifiedby": USER,
            "modifiedonbehalfby": None,
        },
        post_images={"AsynchronousStepPrimaryName": {"fullname": "James Glynn (sample)", "contactid": CONTACT}},
    )
    assert found.target["modifiedby"].table == "systemuser"


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"__type": f"OptionSetValue:{CONTRACTS}", "Value": 534120002}, 534120002),
        ([{"__type": f"OptionSetValue:{CONTRACTS}", "Value": 1}, {"Value": 2}], [1, 2]),
        ({"__type": f"Money:{CONTRACTS}", "Value": 345.678}, 345.678),
        (None, None),
        (False, False),
        ("/Date(1506384247000)/", datetime(2017, 9, 26, 0, 4, 7, tzinfo=UTC)),
        ("/Date(1506384247000+0200)/", datetime(2017, 9, 26, 0, 4, 7, tzinfo=UTC)),
        ("/Date(-62135596800000)/", datetime(1, 1, 1, tzinfo=UTC)),
        ("/Date(999999999999999999)/", "/Date(999999999999999999)/"),
        ("2025-09-17T03:25:10.000Z", datetime(2025, 9, 17, 3, 25, 10, tzinfo=UTC)),
        ("2025-13-99T03:25:10Z", "2025-13-99T03:25:10Z"),
        ("2025-09-17", "2025-09-17"),
        ({"__type": f"Unknown:{CONTRACTS}", "A": {"Value": 1}}, {"A": 1}),
        ({"Id": ZERO, "LogicalName": "systemuser"}, None),
        ({"Entities": [row(a=1)], "EntityName": "contact", "MoreRecords": False}, [{"a": 1}]),
    ],
)
def test_values_become_plain(wire: Any, expected: Any) -> None:
    assert column(wire) == expected


def test_a_lookup_is_its_lower_case_id_and_knows_its_table() -> None:
    found = column({"__type": f"EntityReference:{CONTRACTS}", "Id": CONTACT.upper(), "LogicalName": "contact"})
    assert isinstance(found, Reference)
    assert (found, found.table) == (CONTACT, "contact")


def test_a_cleared_column_differs_from_an_untouched_one() -> None:
    target = event(InputParameters=parameters(Target=row(emailaddress1=None))).target
    assert target == {"emailaddress1": None}


def test_images_are_found_by_alias() -> None:
    found = event(PreEntityImages=parameters(AsynchronousStepPrimaryName=row(fullname="A"), pre=row(emailaddress1="x")))
    assert found.pre_images["pre"] == {"emailaddress1": "x"}


def test_a_deletion_names_its_record_even_if_only_the_target_does() -> None:
    target = {"__type": f"EntityReference:{CONTRACTS}", "Id": CONTACT.upper(), "LogicalName": "contact"}
    found = event(MessageName="Delete", PrimaryEntityId=ZERO, InputParameters=parameters(Target=target))
    assert (found.record_id, found.target) == (CONTACT, {})


def test_a_merge_names_both_records() -> None:
    found = event(
        MessageName="Merge",
        InputParameters=parameters(Target={"Id": CONTACT, "LogicalName": "contact"}, SubordinateId=USER.upper()),
    )
    assert (found.record_id, found.subordinate_id) == (CONTACT, USER)


@pytest.mark.parametrize(
    "shape",
    [
        {"ListId": LIST.upper(), "EntityId": CONTACT},
        {"ListId": LIST, "MemberIds": [CONTACT.upper()]},
        {"List": row() | {"Id": LIST, "LogicalName": "list"}, "Members": [row()]},
        {"List": {"Id": LIST, "LogicalName": "list"}, "Members": {"Entities": [row()], "EntityName": "contact"}},
    ],
)
def test_list_messages_name_list_and_members_in_every_documented_shape(shape: dict[str, Any]) -> None:
    found = event(
        MessageName="AddListMembersList",
        PrimaryEntityName="list",
        PrimaryEntityId=ZERO,
        InputParameters=parameters(**shape),
    )
    assert (found.list_id, found.member_ids) == (LIST, (CONTACT,))


def test_the_list_itself_is_the_fall_back_for_the_list_id() -> None:
    assert event(PrimaryEntityName="list", PrimaryEntityId=LIST).list_id == LIST
    assert event().list_id is None


def test_tags_come_from_this_operation_and_its_core_but_not_from_another_cause() -> None:
    tag = parameters(tag="consent-sync")
    core = {"MessageName": "Update", "PrimaryEntityName": "contact", "PrimaryEntityId": CONTACT}
    assert event(SharedVariables=tag).tags == {"consent-sync"}
    assert event(ParentContext=core | {"SharedVariables": tag}).tags == {"consent-sync"}
    other = core | {"PrimaryEntityName": "account", "SharedVariables": tag}
    assert event(ParentContext=other).tags == frozenset()
    assert event(ParentContext=core | {"SharedVariables": [], "ParentContext": other}).tags == frozenset()


@pytest.mark.parametrize("missing", ["InputParameters", "PreEntityImages", "PostEntityImages"])
def test_an_oversized_event_says_that_it_was_cut(missing: str) -> None:
    full = {"InputParameters": parameters(Target=row(a=1))}
    assert event(**full).truncated is False
    assert event(**{**full, missing: None}).truncated is True


def test_zero_ids_are_none_and_unknown_members_are_ignored() -> None:
    found = event(OperationId=ZERO, PrimaryEntityId=ZERO, InitiatingUserAgent="x", Depth=None)
    assert (found.operation_id, found.record_id, found.depth) == (None, None, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        json.dumps({"MessageName": "Update", "PrimaryEntityName": "contact"}).encode(),
        json.dumps({"MessageName": "", "PrimaryEntityName": "contact", "OrganizationId": ORGANIZATION}).encode(),
        json.dumps({"MessageName": "Update", "PrimaryEntityName": 7, "OrganizationId": ORGANIZATION}).encode(),
        json.dumps({"MessageName": "Update", "PrimaryEntityName": "contact", "OrganizationId": ZERO}).encode(),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        parse(body)


def test_a_refusal_names_the_member_and_quotes_nothing() -> None:
    body = {"MessageName": ["ada@example.org"], "PrimaryEntityName": "contact", "OrganizationId": "ada@example.org"}
    with pytest.raises(BadEvent) as raised:
        parse(json.dumps(body).encode())
    assert str(raised.value) == "missing or unusable: MessageName, OrganizationId"
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "odd", ["x", 7, {"a": 1}, [1, None, {"value": 2}], [{"key": 3}], [{"key": "Target", "value": 5}]]
)
def test_odd_shapes_of_what_is_only_used_leniently_are_tolerated(odd: Any) -> None:
    found = event(
        InputParameters=odd, PreEntityImages=odd, SharedVariables=odd, ParentContext=odd, PrimaryEntityId=odd, Depth=odd
    )
    assert found.target == {}
