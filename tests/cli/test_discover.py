"""``discover``: finds what belongs together, and leaves to people what only they can know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consent_sync.mapping.load import MappingError, load_mapping
from local.company import CONTOSO, FABRIKAM
from tests.cli.conftest import MAPPING, Terminal
from tests.emulator.support import Client


@pytest.fixture
def company(dataverse: Client) -> Client:
    dataverse.admin("reset", {"contacts": 200, "seed": 1})
    return dataverse


def chosen(text: str) -> str:
    """Choose as whoever knows the sample company would: lists of subscribers, and an opt-out list."""
    return text.replace("# members: subscribed", "members: subscribed").replace(
        f'# "{CONTOSO.opt_out_list}",', f'"{CONTOSO.opt_out_list}",'
    )


def pairs(path: Path) -> dict[str, set[tuple[str, str]]]:
    brands = load_mapping(path).file.brands
    return {name: {(str(pair.topic), str(pair.list)) for pair in brand.topics} for name, brand in brands.items()}


def test_the_proposal_finds_what_the_example_says(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    file = tmp_path / "mapping.yaml"
    assert run("discover", "--out", str(file)).code == 0
    file.write_text(chosen(file.read_text(encoding="utf-8")), encoding="utf-8")
    assert pairs(file) == pairs(MAPPING)
    proposed, example = load_mapping(file).file, load_mapping(MAPPING).file
    assert {name: (b.profile, b.opt_out_lists) for name, b in proposed.brands.items()} == {
        name: (b.profile, b.opt_out_lists) for name, b in example.brands.items()
    }
    assert (proposed.flags, proposed.contact_points) == (example.flags, example.contact_points)
    assert proposed.policy.mode == "observe"
    run.set(MAPPING_FILE=str(file))
    assert run("resync", "--all", "--dry-run").code == 2


def test_what_a_list_means_is_never_guessed(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    file = tmp_path / "mapping.yaml"
    run("discover", "--out", str(file))
    with pytest.raises(MappingError) as mistakes:
        load_mapping(file)
    assert [problem.key for problem in mistakes.value.problems] == [
        f"brands.{brand}.topics[{i}].members" for brand in ("contoso", "fabrikam") for i in (0, 1)
    ]
    assert "members: subscribed" not in re.sub(r"#.*", "", file.read_text(encoding="utf-8"))


def test_what_members_said_stands_beside_the_choice(run: Terminal, company: Client) -> None:
    assert company.url
    view = run("discover", "--json").json
    assert all(pair["opted_in"] > pair["opted_out"] for pair in view["pairs"])
    assert view["opt_out_lists"] == {"contoso": [CONTOSO.opt_out_list], "fabrikam": []}
    assert re.search(
        r"mean no mail from contoso\? Of \d+ members looked at, \d+ opted in and [1-9]\d* opted out", view["mapping"]
    )


def test_only_dataverse_needs_to_be_set_up(run: Terminal, company: Client) -> None:
    assert company.url
    run.set(MAPPING_FILE="", LEDGER_URL="", LEDGER_HASH_KEY="", WEBHOOK_KEYS="")
    assert run("discover").out.startswith("# yaml-language-server:")


def test_the_enforcement_of_each_purpose_is_shown(run: Terminal, company: Client) -> None:
    company.patch(f"msdynmkt_purposes({CONTOSO.commercial})", {"msdynmkt_enforcementmodel": 534120002})
    view = run("discover", "--json").json
    assert {p["name"]: p["enforcement"] for p in view["purposes"]}["Contoso Commercial"] == "disabled"
    assert "# purpose Contoso Commercial: commercial, disabled: opt-outs are ignored there!" in view["mapping"]


def test_names_need_not_be_the_same(run: Terminal, company: Client) -> None:
    for subscription, name in zip(
        (*CONTOSO.subscriptions, *FABRIKAM.subscriptions),
        ("Newsletter of Contoso (subscribers)", "Marketing list: Offers Contoso", "Fabrikam Event", "Service tips"),
        strict=True,
    ):
        company.patch(f"lists({subscription.list})", {"listname": name})
    found = {(pair["topic"], pair["list"]) for pair in run("discover", "--json").json["pairs"]}
    assert found == {(s.topic, s.list) for s in (*CONTOSO.subscriptions, *FABRIKAM.subscriptions)}


def test_an_opt_out_list_without_a_brand_in_its_name_is_placed_by_its_members(run: Terminal, company: Client) -> None:
    company.patch(f"lists({CONTOSO.opt_out_list})", {"listname": "Do not send"})
    assert run("discover", "--json").json["opt_out_lists"]["contoso"] == [CONTOSO.opt_out_list]


def test_what_matches_nothing_is_listed_and_mapped_nowhere(run: Terminal, company: Client) -> None:
    shoes = company.create("lists", listname="Shoe fair 2019", createdfromcode=4)
    suppliers = company.create("lists", listname="Contoso newsletter for suppliers", createdfromcode=1)
    text = run("discover").out
    assert f'#   the list "Shoe fair 2019" ({shoes}, leads)' in text
    assert suppliers not in text  # accounts hold no consent


def test_a_topic_without_a_list_is_told(run: Terminal, company: Client) -> None:
    company.delete(f"lists({CONTOSO.subscriptions[0].list})")
    assert "topic Contoso newsletter" in run("discover").out
    assert "no list seems to stand for it" in run("discover").out


def test_names_can_not_break_out_of_their_comments(run: Terminal, company: Client, tmp_path: Path) -> None:
    evil = "Contoso newsletter\n        members: opted_out\x07\u2028x: y"
    company.patch(f"lists({CONTOSO.subscriptions[0].list})", {"listname": evil})
    file = tmp_path / "mapping.yaml"
    run("discover", "--out", str(file))
    file.write_text(chosen(file.read_text(encoding="utf-8")), encoding="utf-8")
    assert {p.members for brand in load_mapping(file).file.brands.values() for p in brand.topics} == {"subscribed"}


def test_brands_of_the_same_name_get_names_of_their_own(run: Terminal, company: Client) -> None:
    company.patch(f"msdynmkt_compliancesettings4s({FABRIKAM.profile})", {"msdynmkt_name": "Contoso"})
    assert set(run("discover", "--json").json["brands"]) == {"contoso", "contoso-2"}


def test_an_environment_without_profiles_is_told(run: Terminal, dataverse: Client) -> None:
    dataverse.admin("reset", {})
    assert "There is no compliance profile with a commercial purpose" in run("discover").out


def test_a_file_that_exists_is_not_overwritten(run: Terminal, company: Client, tmp_path: Path) -> None:
    assert company.url
    file = tmp_path / "mapping.yaml"
    file.write_text("precious", encoding="utf-8")
    assert run("discover", "--out", str(file)).code == 1
    assert file.read_text(encoding="utf-8") == "precious"


def test_a_missing_privilege_is_named(run: Terminal, dataverse: Client) -> None:
    dataverse.admin("reset", {"without": ["prvReadmsdynmkt_topic"]})
    ended = run("discover")
    assert (ended.code, "prvReadmsdynmkt_topic" in ended.err) == (1, True)
