"""The connections of a recording that are open, as its notes say."""

from msgspec.structs import replace

from recordings.lines import Closed, Note, Opened, Silent, Speaks, Wants

Id = int | str | None


class Connections:
    """By id, each as a note `opened` would describe it now."""

    def __init__(self) -> None:
        self.open: dict[Id, Opened] = {}

    def __contains__(self, connection: Id) -> bool:
        return connection in self.open

    def exchange(self, connection: Id) -> str | None:
        """The exchange's code, where the connection is known."""
        known = self.open.get(connection)
        return known.exchange if known else None

    def say(self, connection: Id, note: Note) -> None:
        """What a line told."""
        if isinstance(note, Opened):
            self.open[connection] = note
        elif isinstance(note, Closed | Silent):
            self.open.pop(connection, None)
        elif known := self.open.get(connection):
            self.open[connection] = _told(known, note)


def _told(known: Opened, note: Note) -> Opened:
    if isinstance(note, Wants):
        return replace(known, wants=note.wants, instruments=note.instruments)
    if isinstance(note, Speaks):
        return replace(known, rehearsing=False)
    return known
