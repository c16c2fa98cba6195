"""Disaster drills: what an administrator would do, and what must be true afterwards."""
