"""What the host says when it cannot start an app, or when a function fails."""

from __future__ import annotations


class HostError(Exception):
    """The app cannot be hosted as it is; the message says which file, function or setting to change."""


class InvocationFailedError(Exception):
    """A function raised, or its output could not be delivered. Read ``error``; ``stack`` is the worker's traceback."""

    def __init__(self, function: str, error: str, stack: str = "") -> None:
        super().__init__(f"{function}: {error}")
        self.function = function
        self.error = error
        self.stack = stack
