"""The root of every error that consent-sync raises on purpose."""

from __future__ import annotations


class ConsentSyncError(Exception):
    """Something an administrator can act on.

    The docstring of each subclass says what to do; attributes carry the data. The message never holds an address or a
    secret, so it may be logged and shown.
    """
