"""No secret is in the repository: every tracked file is looked through for what keys and tokens look like."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from .conftest import ROOT

PATTERNS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "storage account key": re.compile(r"(?<![\w+/-])[A-Za-z0-9+/]{86}==(?![\w+/=])"),
    "shared access signature": re.compile(r"[?&;]sig=[A-Za-z0-9%+/]{40,}"),
    "client secret of an app registration": re.compile(r"(?<![\w.~-])[\w.~-]{3}[78]Q~[\w.~-]{31,34}(?![\w.~-])"),
    "token": re.compile(r"(?<![\w.])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "instrumentation key": re.compile(r"InstrumentationKey=[0-9a-f]{8}-"),
    "function key": re.compile(r"(?<![\w-])[\w-]{44,54}AzFu[\w-]{6}=*"),
    "key of a cloud or code host": re.compile(r"(?<!\w)(AKIA[0-9A-Z]{16}|gh[pousr]_\w{36,}|github_pat_\w{50,})"),
    "secret given to a name": re.compile(
        r"""(?x) (?i: \b \w* (?:secret|password|passwd|api_?key|hash_key|webhook_keys?|token) \w*) ["']? \s* [:=] \s*
        ["'] (?: (?=[^"']*\d) (?=[^"']*[a-z]) (?=[^"']*[A-Z]) [\w+/=.~-]{24,}
        | (?!0123456789abcdef) [0-9a-f]{32,} ) ["']"""
    ),
}
PUBLIC = {
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",  # Azurite's
}
LEAKS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "storage account key": "AccountKey=" + "aB3+" * 21 + "aB==",
    "shared access signature": "https://x.blob.core.windows.net/y?sv=1&sig=" + "aB3%2F" * 8,
    "client secret of an app registration": "aB18Q~" + "aB3_" * 8 + "xY",
    "token": "eyJ" + "hbGciOiJub25lIn0" + ".eyJ" + "zdWIiOiIxIn0xx" + "." + "c2lnbmF0dXJl",
    "instrumentation key": "Instrumentation" + "Key=0a1b2c3d-",
    "function key": "aB3_" * 11 + "Az" + "Fu" + "xYz123==",
    "key of a cloud or code host": "ghp" + "_" + "aB3d" * 9,
    "secret given to a name": "CLIENT_" + "SECRET = '" + "kQ3vT9xW2mZ7pL5nR8bY4cJ6'",
}


def leaks(text: str) -> Iterator[str]:
    for kind, pattern in PATTERNS.items():
        yield from (kind for found in pattern.finditer(text) if found[0] not in PUBLIC)


def test_no_tracked_file_holds_a_secret() -> None:
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    found: dict[str, set[str]] = {}
    for name in filter(None, git.stdout.split("\0")):
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace") if (ROOT / name).is_file() else ""
        if kinds := set(leaks(text)):
            found[name] = kinds
    assert found == {}


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_leak_would_be_seen(kind: str) -> None:
    assert kind in set(leaks(f"before\n{LEAKS[kind]}\nafter"))
