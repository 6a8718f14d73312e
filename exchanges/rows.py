"""The rows of a REST list, read one by one: a broken row is lost alone where the caller collects what is rejected."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec import MsgspecError

from exchanges.errors import BadFrame
from exchanges.events import Rejected

R = TypeVar("R")  # a row as the body holds it: raw JSON, or a tuple out of its columns
T = TypeVar("T")


def read(rows: Iterable[R], reader: Callable[[R], T], rejected: list[Rejected] | None) -> list[T]:
    """What `reader` makes of each row; BadFrame at the first broken one where nothing collects them."""
    result = []
    for index, row in enumerate(rows):
        try:
            result.append(reader(row))
        except (MsgspecError, BadFrame, UnicodeError) as error:
            broken = BadFrame(f"row {index}: {error}", f"row: {getattr(error, 'kind', 'shape')}")
            if rejected is None:
                raise broken from error
            rejected.append(Rejected(str(broken), broken.kind))
    return result
