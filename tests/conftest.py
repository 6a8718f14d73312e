"""Fixtures for every test."""

pytest_plugins = ["tests.sandbox_server", "tests.streams.live"]
