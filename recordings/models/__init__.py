"""The tables of recordings."""

from recordings.models.recording import Recording

__all__ = ["Recording"]
