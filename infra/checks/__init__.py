"""Checks of the Bicep files that need no compiler and no network; `infra/check.py` runs them all."""
