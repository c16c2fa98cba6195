"""The unpacked Dataverse solution: well-formed, complete, and with exactly the privileges that the code lists."""

from __future__ import annotations

import tomllib
import uuid
from xml.etree import ElementTree as ET

import pytest

from consent_sync.tenant.privileges import REGISTRATION, SERVICE, Privilege

from .conftest import ROOT

SOURCE = ROOT / "infra" / "dataverse" / "src"
ROLES = {"consent-sync service": SERVICE, "consent-sync registration": REGISTRATION}
ROLE, VARIABLE = "20", "380"  # component types of the table solutioncomponent


def read(path: str) -> ET.Element:
    return ET.parse(SOURCE / path).getroot()  # noqa: S314  - our own files


def roles() -> dict[str, ET.Element]:
    found = [read(f"Roles/{path.name}") for path in (SOURCE / "Roles").iterdir()]
    return {role.attrib["name"]: role for role in found}


def variables() -> dict[str, ET.Element]:
    folder = "environmentvariabledefinitions"
    names = [path.name for path in (SOURCE / folder).iterdir()]
    return {name: read(f"{folder}/{name}/environmentvariabledefinition.xml") for name in names}


def test_every_file_is_xml_that_is_encoded_as_it_says() -> None:
    files = [path for path in SOURCE.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        assert path.read_bytes().startswith(b'<?xml version="1.0" encoding="utf-8"?>'), path
        ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  - our own files


def test_the_manifest_lists_what_the_folders_hold() -> None:
    listed = {
        (part.attrib["type"], part.attrib.get("id") or part.attrib["schemaName"])
        for part in read("Other/Solution.xml").iter("RootComponent")
    }
    held = {(ROLE, role.attrib["id"]) for role in roles().values()} | {(VARIABLE, name) for name in variables()}
    assert listed == held


def test_files_and_folders_are_named_after_what_they_define() -> None:
    assert {path.stem for path in (SOURCE / "Roles").iterdir()} == roles().keys() == ROLES.keys()
    assert all(variable.attrib["schemaname"] == name for name, variable in variables().items())


def test_every_id_is_a_guid_of_its_own() -> None:
    ids = [role.attrib["id"] for role in roles().values()]
    assert [f"{{{uuid.UUID(id_)}}}" for id_ in ids] == ids
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ROLES)
def test_a_role_grants_exactly_what_the_code_lists(name: str) -> None:
    granted = [(p.attrib["name"], p.attrib["level"]) for p in roles()[name].iter("RolePrivilege")]
    assert sorted(granted) == sorted((privilege.name, "Global") for privilege in ROLES[name])


@pytest.mark.parametrize("privileges", ROLES.values(), ids=list(ROLES))
def test_no_privilege_is_listed_twice_or_without_a_reason(privileges: tuple[Privilege, ...]) -> None:
    assert len({privilege.name for privilege in privileges}) == len(privileges)
    assert all(privilege.why for privilege in privileges)


def test_names_begin_with_the_publishers_prefix() -> None:
    prefix = read("Other/Solution.xml").findtext(".//CustomizationPrefix")
    assert {name.partition("_")[0] for name in variables()} == {prefix}


def test_the_version_is_the_products() -> None:
    product = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert read("Other/Solution.xml").findtext(".//Version") == f"{product}.0"
