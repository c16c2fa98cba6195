"""Proof for those outside: files that show what was recorded, and whether anything in them was changed since."""
