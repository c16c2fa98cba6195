"""Fixtures for tests anywhere."""

from tests.support.azurite import azurite
from tests.support.browser import chromium

__all__ = ["azurite", "chromium"]
