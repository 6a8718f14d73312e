"""The command line of the sandbox, with Django (`manage.py sandbox`) and without (`python -m sandbox`)."""

import argparse
import errno
import sys
from collections.abc import Mapping
from typing import Any

from sandbox.server import Options, bound, serve

EXAMPLES = """examples:
  manage.py sandbox                                   # 20 markets, 200 events/s, on port 8100
  manage.py sandbox --port 0                          # on any free port; the ready line says which
  manage.py sandbox --seed 7 --rate 20000 --symbols 2 # a busy market
  curl http://127.0.0.1:8100/                         # what is served, and how to use it

The same seed, rate and number of symbols give the same market: prices, trade ids, history.
Exit codes: 0 ended by a signal, 2 an option makes no sense, 3 the port is taken or not allowed.
"""
SENSELESS, NO_PORT = 2, 3
MOST_SYMBOLS, MOST_RATE = 3_000, 200_000


def whole(least: int, most: int):
    """An integer in [least, most]."""

    def read(text: str) -> int:
        if not text.lstrip("-").isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} came; a whole number from {least} to {most} would do")
        return int(text)

    return read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options and the examples."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    default = Options()
    parser.add_argument("--host", default=default.host, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=whole(0, 65_535), default=default.port, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=whole(0, 2**63), default=default.seed, help="which market it is (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=whole(1, MOST_RATE), default=int(default.rate),
        help="trades and book changes a second, over all symbols (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--symbols",
        type=whole(1, MOST_SYMBOLS),
        default=default.symbols,
        help="number of markets (default: %(default)s)",
    )
    parser.add_argument(
        "--lifetime",
        type=whole(1, 86_400),
        metavar="SECONDS",
        help="end connections of this age (default: the exchange's)",
    )


def run(given: Mapping[str, Any]) -> int:
    """Serves; the exit code."""
    options = Options(given["host"], given["port"], given["seed"], given["rate"], given["symbols"], given["lifetime"])
    try:
        listener = bound(options.host, options.port)
    except OSError as error:
        taken = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        print(f"{options.host}:{options.port} {taken}; --port 0 takes a free one", file=sys.stderr)
        return NO_PORT
    serve(options, listener)
    return 0
