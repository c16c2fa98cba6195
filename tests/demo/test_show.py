"""The whole show, as a visitor starts it; and that a server which fails says why and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo.servers import Server, ServerError

ROOT = Path(__file__).parents[2]


def test_the_show_propagates_every_act_and_leaves_nothing_wrong() -> None:
    show = subprocess.run(
        [sys.executable, "-m", "local.demo", "--contacts", "200"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        timeout=120,
        check=False,
    )
    assert show.stdout.splitlines()[-1] == "demo: 8 of 8 acts propagated, 0 wrong", show.stdout + show.stderr
    assert show.returncode == 0


def test_a_server_that_ends_too_early_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="No module named"):
        Server(["local.no_such_server"], {}, "ready", tmp_path / "server.log")
