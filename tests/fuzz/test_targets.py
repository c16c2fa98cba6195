"""The fuzzer's targets in the suite: their corpus, what was found once, and random changes of both."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.fuzz.__main__ import main
from local.fuzz.targets import CORPUS, MOST_BYTES, TARGETS, seeds

FILES = [path for target in TARGETS for path in seeds(target)]
BATCHED = "--b\r\nContent-Type: application/http\r\n\r\n{}\r\n--b--"


def fetch(inside: str = "", options: str = "") -> str:
    return f"<fetch {options}><entity name='contact'>{inside}</entity></fetch>"


def posted(path: str, body: str) -> str:
    return BATCHED.format(f"POST {path}\r\n\r\n{body}")


# Each of these was a crash, an answer 500 or a hang.
FOUND = {
    "filter": [
        "not " * 2000 + "(statecode eq 0)",
        "a/" * 2000 + "b eq 1",
        "-" * 3000 + "1 eq statecode",
        "(" * 3000 + "statecode eq 0" + ")" * 3000,
        " or ".join(["statecode eq 0"] * 550),
        "statecode eq 99999999999999999999999",
        "createdon ge 9999-12-31T23:59:59-14:00",
        "Microsoft.Dynamics.CRM.In(PropertyName=-'lastname',PropertyValues=['a'])",
        "Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=[lastname,(1,2)])",
    ],
    "query": ["$top=999999999999999999999", "$top=²", "$orderby=" + "lastname," * 3000 + "lastname"],
    "fetchxml": [
        fetch("<filter>" * 1500 + "</filter>" * 1500),
        fetch(options="page='999999999999999999999' count='5'"),
        fetch(options="top='²'"),
        fetch("<attribute name='lastname' groupby='true' alias='a\"b'/>", "aggregate='true'"),
        fetch("<filter><condition attribute='statecode' operator='eq' value='9999999999999999999999'/></filter>"),
    ],
    "batch": [
        posted("contacts", '{"lastname":"\\ud800"}'),
        posted("contacts", '{"birthdate":"9999-12-31T23:59:59-14:00"}'),
        posted("contacts", "[" * 5000),
        posted(
            "EntityDefinitions(LogicalName='contact')/Keys", '{"SchemaName":"a\'b\\"","KeyAttributes":["lastname"]}'
        ),
        posted("EntityDefinitions(LogicalName='contact')/Keys", '{"SchemaName":"k","KeyAttributes":[[1]]}'),
        BATCHED.format("GET http://[::1"),
    ],
    "event": ["[" * 5000, '{"a":' * 5000],
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name} {path.name}")
def test_each_file_of_the_corpus_is_read_or_refused(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize(("target", "text"), [(name, text) for name, texts in FOUND.items() for text in texts])
def test_what_was_found_once_is_refused(target: str, text: str) -> None:
    TARGETS[target](text.encode())


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_is_small(target: str) -> None:
    assert all(path.stat().st_size < MOST_BYTES for path in seeds(target))
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 30_000


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """A file of the corpus with a piece of it, of another one or of anything in place of a piece."""
    sample = st.sampled_from([path.read_bytes() for path in seeds(target)])
    text, other = draw(sample), draw(sample)
    start = draw(st.integers(0, len(text)))
    stop = draw(st.integers(start, min(len(text), start + 40)))
    at = draw(st.integers(0, len(other)))
    piece = draw(st.one_of(st.just(other[at : at + 40]), st.binary(max_size=8), st.just(text[start:stop] * 9)))
    return text[:start] + piece + text[stop:]


@pytest.mark.parametrize("target", TARGETS)
def test_changed_inputs_are_read_or_refused(target: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.one_of(changed(target), st.binary(max_size=60)))
    def check(data: bytes) -> None:
        TARGETS[target](data)

    check()


def test_the_command_fuzzes_where_it_can(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds", "1", "--target", "event"])
    if importlib.util.find_spec("atheris"):
        assert main() == 0
        assert "1 targets, 0 findings" in capfd.readouterr().out
    else:
        assert main() == 2
