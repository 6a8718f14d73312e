"""A refusal as users see it: a code of the contract, a sentence, and where it applies the field that it is about."""

from collections.abc import Iterable
from difflib import get_close_matches


class Problem(Exception):
    """Names what came and what would do. Commands print the message; REST makes an answer of it (api.py).

    `after_s`: the same request may be answered after so many seconds.
    """

    def __init__(self, code: str, message: str, field: str | None = None, after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.after_s = after_s


def one_of(words: Iterable[str], came: str) -> str:
    """What would do in place of `came`: the nearest words, or the first few."""
    words = list(words)
    near = get_close_matches(came, words, n=3, cutoff=0.5)
    return listed(near or words[:20])


def listed(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = list(words) or ["nothing"]
    return f"{', '.join(most)} or {last}" if most else last
