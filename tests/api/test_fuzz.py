"""Whatever is sent to the interface, it answers as its own description says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.functions.conftest import KEY, WEBHOOK_KEY, Deployment

SECONDS = 40


def test_schemathesis_finds_nothing(deployment: Deployment) -> None:
    served = f"{deployment.url}/api/openapi.json?code={KEY}"
    configuration = Path(__file__).with_name("schemathesis.toml")
    keys = ["-H", f"x-functions-key: {KEY}", "-H", f"x-webhook-key: {WEBHOOK_KEY}"]
    bounds = ["--max-time", str(SECONDS), "--seed", "1", "--warnings", "off", "--continue-on-failure"]
    done = subprocess.run(  # noqa: S603  - our own tools
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(configuration)),
            *("run", served, "--checks", "all", *keys, *bounds),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=deployment.log.parent,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout


def test_the_description_served_is_the_one_in_the_docs(deployment: Deployment) -> None:
    answer = deployment.call("GET", "api/openapi.json")
    root = Path(__file__).parents[2]
    assert answer.json() == json.loads((root / "docs" / "openapi.json").read_text(encoding="utf-8"))
