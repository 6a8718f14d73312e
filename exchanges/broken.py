"""What a broken frame raises while it is read, and the Rejected that is made of it."""

from msgspec import MsgspecError

from exchanges.errors import BadFrame
from exchanges.events import Rejected

BROKEN = (MsgspecError, BadFrame, UnicodeError, RecursionError)


def rejected(error: Exception) -> Rejected:
    """One of BROKEN in words; frames that fail in the same way have the same kind."""
    if isinstance(error, BadFrame):
        return Rejected(str(error), error.kind)
    if isinstance(error, MsgspecError) and " - at " in str(error):
        return Rejected(str(error), str(error)[:80])
    return Rejected(f"{type(error).__name__}: {error}"[:300], "broken")
