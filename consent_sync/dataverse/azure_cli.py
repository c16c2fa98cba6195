"""Tokens of whoever is signed in to the Azure CLI, for people who operate from their own machine.

Source: Microsoft's reference of `az account get-access-token`. `expires_on` (seconds since the epoch) came with CLI
2.54; before, `expiresOn` tells local time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from consent_sync.dataverse.errors import SignInFailed, SignInSettings, scrub

_SECONDS = 60  # the first call of a day starts a Python of its own and may renew the sign-in
_EARLY = 300.0


class AzureCliTokens:
    """Tokens for `resource` of the person signed in to `az`, in `tenant_id` or the CLI's own; kept until they age."""

    def __init__(
        self,
        resource: str,
        *,
        tenant_id: str | None = None,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._arguments = ["account", "get-access-token", "--resource", resource, "--output", "json"]
        self._arguments += ["--tenant", tenant_id] if tenant_id else []
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._token, self._good_until = "", 0.0

    def token(self) -> str:
        """Give a valid token; raises SignInFailed, and SignInSettings where there is no `az`."""
        with self._lock:
            if self._clock() >= self._good_until:
                answer = self._ask()
                self._token, self._good_until = _read(answer)
            return self._token

    def _ask(self) -> str:
        command = shutil.which("az")
        if command is None:
            raise SignInSettings("DATAVERSE_AUTH=azure_cli needs the Azure CLI: install it, or put `az` on the PATH")
        try:
            done = subprocess.run(  # noqa: S603  - no shell, and nothing of it comes from a request
                [command, *self._arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SignInFailed(f"no token: the Azure CLI did not answer within {self._seconds:g} s") from None
        except OSError as error:
            raise SignInFailed(f"no token: the Azure CLI did not start: {error.strerror}") from None
        if done.returncode:
            reason = scrub(" ".join(done.stderr.split()))
            advice = " (sign in with `az login`)" if "az login" in reason else ""
            raise SignInFailed(f"no token from the Azure CLI{advice}: {reason or 'it gave no reason'}")
        return done.stdout


def _read(answer: str) -> tuple[str, float]:
    """Give the token, and until when to use it."""
    try:
        found: dict[str, Any] = json.loads(answer)
        token, expires = found["accessToken"], found.get("expires_on")
        if expires is None:
            expires = datetime.fromisoformat(found["expiresOn"]).timestamp()
        good_until = float(expires) - _EARLY
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SignInFailed("no token: the Azure CLI answered something else than a token") from None
    if not isinstance(token, str) or not token:
        raise SignInFailed("no token: the Azure CLI answered an empty one")
    return token, good_until
