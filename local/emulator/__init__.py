"""A Dataverse Web API emulator: real HTTP, real webhooks, one organization in memory."""

from .emulator import Emulator

__all__ = ["Emulator"]
