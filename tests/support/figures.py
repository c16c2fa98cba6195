"""Figures that a test measured, for whoever reads the run."""

from __future__ import annotations

import sys

import pytest


def show(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")
