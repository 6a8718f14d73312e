"""Fixtures for the tests of streams."""

from tests.streams.rest import get

__all__ = ["get"]
