"""What `up` writes to the terminal."""

import os
import sys
from typing import TextIO

BOLD, RED, YELLOW, GREEN = "1", "31", "33", "32"


class Console:
    """Lines on a stream, with colour only on a terminal; a closed terminal is no reason to fail."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ

    def say(self, line: str, colour: str = "") -> None:
        text = f"\033[{colour}m{line}\033[0m" if colour and self._colour else line
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except (OSError, ValueError):
            # Nobody reads any more (`| head`, a closed window): the platform goes on.
            pass
