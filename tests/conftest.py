"""Fixtures for every test."""

import signal

pytest_plugins = ["tests.sandbox_server", "tests.streams.live", "tests.exchanges.theirs"]

# A run in the background of a shell ignores Ctrl-C; the processes that tests start must not inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
