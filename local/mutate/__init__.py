"""Mutation check: the rules are broken in one small way at a time, and the tests have to notice each time."""
