"""Runs an Azure Functions app folder on a laptop: the real Python worker, our own small host around it.

The worker library is the code that runs in Azure (``azure-functions-runtime`` in requirements.txt): what it rejects or
converts there it rejects or converts here. Around it stand in routes and keys, queue polling with retries and poison
queues, and timers. Refused: retry policies, identity-based storage and everything else a function may ask for and not
get. Not modelled: ``functionTimeout``, renewal of a message's invisibility after ten minutes, timers missed while the
host was down, scale-out.
"""

from __future__ import annotations

from local.host.errors import HostError
from local.host.server import Host

__all__ = ["Host", "HostError"]
