"""The pages say what the code has: commands, settings, endpoints, links, limits."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

import dev
import function_app
from consent_sync.operate.endpoints import ENDPOINTS, RunStarted
from consent_sync.operate.explain.view import (
    ExplainRequest,
    ExplainView,
    LineView,
    PlaceView,
    PointView,
    SaidView,
    ScopeView,
    WaitingView,
)
from consent_sync.operate.holds import HoldsView, HoldView, SettledView, SettleRequest
from consent_sync.operate.intake import IntakeRequest, IntakeView, OptOutScope, Whose
from consent_sync.operate.parked import ParkedCause, ParkedMessage, ParkedView, ReplayedView, ReplayRequest
from consent_sync.operate.plans import ApplyRequest, ChangeView, PlanView, UndoRequest
from consent_sync.operate.resync import PlannedChange, ResyncRequest, RunsView, RunView, ScopeChoice
from consent_sync.operate.status import (
    ArrivalsView,
    BoundView,
    BudgetView,
    CensusView,
    LateView,
    PurposeView,
    StatusView,
    SweepView,
    Trouble,
)
from consent_sync.settings import names
from local.docs.pages import ROOT
from local.screenshots.__main__ import MADE_FROM, made_from
from tests.cases.coverage import OUT_OF_SCOPE

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FROM_AZURE = {"WEBSITE_SITE_NAME", "WEBSITE_AUTH_ENABLED"}  # the platform sets them
BODIES: dict[str, list[type[BaseModel]]] = {
    "POST /api/resync": [ResyncRequest, ScopeChoice],
    "GET /api/resync/{id}": [RunView, PlannedChange],
    "GET /api/resync/{id}/plan": [PlanView, ChangeView],
    "POST /api/resync/{id}/apply": [ApplyRequest],
    "POST /api/resync/{id}/undo": [UndoRequest],
    "GET /api/runs": [RunsView],
    "POST /api/contact-points/explain": [
        ExplainRequest,
        ExplainView,
        PointView,
        ScopeView,
        SaidView,
        PlaceView,
        WaitingView,
        LineView,
    ],
    "POST /api/intake": [IntakeRequest, IntakeView, Whose, OptOutScope],
    "GET /api/holds": [HoldsView, HoldView],
    "POST /api/holds/{id}/settle": [SettleRequest, SettledView],
    "GET /api/parked": [ParkedView, ParkedCause, ParkedMessage],
    "POST /api/parked/replay": [ReplayRequest, ReplayedView],
    "GET /api/status": [
        *(StatusView, Trouble, LateView, CensusView, PurposeView, ArrivalsView, BoundView, BudgetView, SweepView),
    ],
}
ANSWERS: dict[str, type[BaseModel]] = {
    "GET /api/resync/{id}": RunView,
    "GET /api/resync/{id}/plan": PlanView,
    "POST /api/resync/{id}/apply": RunStarted,
    "POST /api/resync/{id}/undo": RunStarted,
    "POST /api/resync/{id}/cancel": RunView,
    "POST /api/resync/{id}/resume": RunView,
    "GET /api/runs": RunsView,
    "POST /api/contact-points/explain": ExplainView,
    "POST /api/intake": IntakeView,
    "GET /api/holds": HoldsView,
    "POST /api/holds/{id}/settle": SettledView,
    "GET /api/parked": ParkedView,
    "POST /api/parked/replay": ReplayedView,
    "GET /api/status": StatusView,
}


def read(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def sections(page: str) -> dict[str, str]:
    """The text under each heading of the second level."""
    headings = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(headings[1::2], headings[2::2], strict=True))


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


@cache
def endpoints() -> dict[str, str]:
    """Key level of every HTTP function, by method and address; an app lists its functions only once."""
    triggers = [function.get_trigger().get_dict_repr() for function in function_app.app.get_functions()]
    return {
        f"{method.value} /api/{trigger['route']}": trigger["authLevel"].name
        for trigger in triggers
        if trigger["type"] == "httpTrigger"
        for method in trigger["methods"]
    }


def answers_html(name: str) -> bool:
    """Whether an endpoint answers with a page for people."""
    method, _, address = name.partition(" ")
    return any(
        (each.method, f"/api/{each.route}", each.media) == (method, address, "text/html") for each in ENDPOINTS.values()
    )


def described() -> dict[str, str]:
    """What docs/api.md says about each endpoint."""
    found = sections(read("docs/api.md"))
    return {heading.strip("`"): text for heading, text in found.items() if heading.startswith("`")}


def test_every_command_of_dev_is_in_the_readme() -> None:
    readme = read("README.md")
    assert [name for name in dev.COMMANDS if f"python3 dev.py {name}" not in readme] == []


def test_every_setting_is_in_the_example_and_explained() -> None:
    example = json.loads(read("local.settings.example.json"))["Values"]
    explained = sections(read("docs/operations.md"))["Settings"]
    settings = names().keys() - FROM_AZURE
    assert len(settings) > 10
    assert [name for name in settings if name.partition("__")[0] not in example] == []
    assert [name for name in settings if f"| `{name}` |" not in explained] == []


def test_every_endpoint_is_described_with_its_key_level_and_an_example() -> None:
    texts = described()
    assert texts.keys() == endpoints().keys()
    for name, level in endpoints().items():
        assert f"Key level: `{level}`" in texts[name]
        assert "```sh\ncurl " in texts[name]
        assert "```json\n" in texts[name] or answers_html(name)


@pytest.mark.parametrize("endpoint", BODIES)
def test_every_field_is_described(endpoint: str) -> None:
    words = set(re.findall(r"\w+", without_code(described()[endpoint])))
    assert [name for model in BODIES[endpoint] for name in model.model_fields if name not in words] == []


@pytest.mark.parametrize("endpoint", ANSWERS)
def test_an_answer_shown_is_one_that_could_be_given(endpoint: str) -> None:
    (shown,) = re.findall(r"```json\n(.+?)```", described()[endpoint], re.DOTALL)
    given = json.loads(shown)
    assert json.loads(ANSWERS[endpoint].model_validate(given).model_dump_json()) == given


def test_the_bodies_shown_are_taken() -> None:
    page = read("docs/api.md", "docs/policy.md")
    asked = re.findall(r"curl [^\n]*\$API/(resync|intake|holds/\w+/settle)[^\n]* -d '(.+?)'", page, re.DOTALL)
    assert len(asked) >= 4
    models: dict[str, type[BaseModel]] = {"resync": ResyncRequest, "intake": IntakeRequest}
    for path, body in asked:
        models.get(path, SettleRequest).model_validate_json(body)


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    text = without_code(page.read_text(encoding="utf-8"))
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), link


def test_the_limits_list_the_cases_out_of_scope() -> None:
    section = sections(read("docs/limits.md"))["Cases out of scope"]
    listed = re.findall(r"^- \*\*(\d+)\. .+?\*\* (.+)\.$", section, re.MULTILINE)
    assert {int(number): reason for number, reason in listed} == OUT_OF_SCOPE


def test_the_pictures_show_the_pages_as_they_are() -> None:
    assert MADE_FROM.read_text(encoding="utf-8") == made_from(), "run: python -m local.screenshots"
    shown = re.findall(
        r"!\[.+?\]\((?:docs/)?images/(.+?)\)", read("README.md", "docs/operations.md", "docs/auditing.md")
    )
    assert {file.name for file in MADE_FROM.parent.glob("*.png")} == set(shown)
