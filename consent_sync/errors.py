"""The root of every error that consent-sync raises on purpose."""

from __future__ import annotations


class ConsentSyncError(Exception):
    """Something an administrator can act on.

    The docstring of each subclass says what to do; attributes carry the data. The message never holds an address or a
    secret, so it may be logged and shown. `retry_after` is set where nothing is wrong but the time: the same work may
    be tried again after so many seconds, and this try does not count as failed.
    """

    retry_after: float | None = None


def says(error: Exception) -> str:
    """Give an error in words that may be shown: of one that is not ours only its kind, for it may quote an address."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, ConsentSyncError) else kind
