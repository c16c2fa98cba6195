"""Discovering what an environment has, and proposing a mapping for it."""
