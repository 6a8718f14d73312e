"""The tables of recordings."""

from recordings.models.recording import Recording
from recordings.models.replay import Replay

__all__ = ["Recording", "Replay"]
