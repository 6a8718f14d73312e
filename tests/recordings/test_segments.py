"""Segments: what a crash, a full disk or a removed folder leaves of them."""

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from recordings import index, lines, names, reader
from recordings.lines import Lost
from recordings.segments import HOUR_NS, Writer
from tests.recordings.written import (
    START_NS,
    damages,
    frame,
    frames,
    only_file,
    opened,
    packets,
    reached,
    write,
    writer,
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    to = writer(tmp_path / "k3")
    write(to, [opened("c"), frame("c", 1), frame("c", 2)])
    to.close()
    found = list(reader.lines([tmp_path / "k3"]))
    assert frames(found) == ["frame 1", "frame 2"]
    assert damages(found) == []
    assert lines.note(found[0]) == lines.Header("k3", 1, False, START_NS)  # type: ignore[arg-type]


def test_the_index_names_each_segment(tmp_path: Path) -> None:
    to = writer(tmp_path, segment_bytes=1)
    write(to, [opened("c"), frame("c", 1)])
    write(to, [frame("c", 2), frame("c", 3), lines.note_text(Lost(5), START_NS, "c")])
    to.close()
    one, two = index.read(tmp_path).segments  # type: ignore[union-attr]
    assert (one.frames, two.frames, one.lost, two.lost) == (1, 2, 0, 5)
    assert (two.first_ns, two.last_ns) == (START_NS + 2 * 10**6, START_NS + 3 * 10**6)
    assert one.topics == two.topics == ["binance.trade.BTC-USDT"]
    for segment in (one, two):
        text = (tmp_path / segment.file).read_bytes()
        assert (segment.sha256, segment.bytes) == (hashlib.sha256(text).hexdigest(), len(text))


def test_any_reader_of_zstd_reads_a_segment(tmp_path: Path) -> None:
    to = writer(tmp_path)
    write(to, [opened("c"), frame("c", 1)])
    write(to, [frame("c", 2)])
    to.close()
    with zstandard.open(only_file(tmp_path), "rb") as file:
        assert file.read().splitlines()[-1] == frame("c", 2)


def test_a_segment_alone_says_which_connections_are_open(tmp_path: Path) -> None:
    to = writer(tmp_path, segment_bytes=1)
    write(to, [opened("c"), opened("gone"), frame("c", 1)])
    write(to, [lines.note_text(lines.Closed("disconnect"), START_NS, "gone"), opened("new"), frame("c", 2)])
    write(to, [frame("c", 3)])
    to.close()
    second, third = (tmp_path / name for name in names.in_order(tmp_path)[1:])
    assert _joined(second) == {"c": True, "gone": True, "new": False}
    assert _joined(third) == {"c": True, "new": True}
    whole = [lines.note(one) for one in reader.lines([tmp_path]) if not isinstance(one, reader.Damage)]
    assert sum(isinstance(note, lines.Opened) for note in whole) == 3  # of the recording, each once


def _joined(file: Path) -> dict[object, bool]:
    found = [one for one in reader.lines([file]) if not isinstance(one, reader.Damage)]
    return {one.connection: note.joined for one in found if isinstance(note := lines.note(one), lines.Opened)}


def test_an_hour_has_segments_of_its_own(tmp_path: Path) -> None:
    to = writer(tmp_path)
    hour_ns = START_NS // HOUR_NS * HOUR_NS
    for at_ns in (hour_ns, hour_ns + HOUR_NS - 1, hour_ns + HOUR_NS):
        write(to, [frame("c", 1, at_ns)])
    to.close()
    assert [one.frames for one in to.index.segments] == [2, 1]


def test_a_writer_goes_on_where_another_was_killed(tmp_path: Path) -> None:
    to = writer(tmp_path)
    write(to, [opened("c"), frame("c", 1)], "7-0")
    to.leave()
    again = writer(tmp_path)
    assert again.positions == reached("7-0")
    assert "c" in again.connections
    write(again, [frame("c", 2)], "8-0")
    again.close()
    assert frames(reader.lines([tmp_path])) == ["frame 1", "frame 2"]
    assert [one.frames for one in again.index.segments] == [2]
    assert damages(reader.lines([tmp_path])) == []


@pytest.mark.parametrize("cut", [1, 30, -1], ids=["its first byte", "in its middle", "all but its last byte"])
def test_what_a_crash_cut_is_written_again(tmp_path: Path, cut: int) -> None:
    to = writer(tmp_path)
    write(to, [opened("c"), frame("c", 1)], "7-0")
    file, before = only_file(tmp_path), only_file(tmp_path).stat().st_size
    write(to, [frame("c", 2)], "8-0")
    size = file.stat().st_size
    to.leave()
    os.truncate(file, before + cut if cut > 0 else size + cut)
    assert [one.reason for one in damages(reader.lines([tmp_path]))] == ["the file ends within it"]
    again = writer(tmp_path)
    assert again.positions == reached("7-0")
    write(again, [frame("c", 2)], "8-0")
    again.close()
    assert frames(reader.lines([tmp_path])) == ["frame 1", "frame 2"]
    assert damages(reader.lines([tmp_path])) == []


def test_a_position_without_its_lines_does_not_count(tmp_path: Path) -> None:
    to = writer(tmp_path)
    write(to, [frame("c", 1)], "7-0")
    write(to, [frame("c", 2)], "8-0")
    file = only_file(tmp_path)
    to.leave()
    os.truncate(file, packets(file)[-1][0])
    assert writer(tmp_path).positions == reached("7-0")


def test_a_position_is_kept_where_no_lines_come(tmp_path: Path) -> None:
    to = writer(tmp_path)
    write(to, [frame("c", 1)], "7-0")
    to.flush(reached("9-0"))
    to.leave()
    assert writer(tmp_path).positions == reached("9-0")


def test_a_complete_recording_gets_another_segment(tmp_path: Path) -> None:
    to = writer(tmp_path)
    write(to, [opened("c"), frame("c", 1)], "7-0")
    to.close()
    again = writer(tmp_path)
    assert again.positions == reached("7-0")
    write(again, [frame("c", 2)], "8-0")
    again.close()
    assert [one.frames for one in again.index.segments] == [1, 1]


@pytest.mark.parametrize("stale", [None, b"{broken", b'{"version":1,"recording":"","segments":[]}'])
def test_a_folder_without_its_index_is_read(tmp_path: Path, stale: bytes | None) -> None:
    to = writer(tmp_path, segment_bytes=1)
    write(to, [opened("c"), frame("c", 1)])
    write(to, [frame("c", 2)])
    to.close()
    if stale is None:
        (tmp_path / index.FILE).unlink()
    else:
        (tmp_path / index.FILE).write_bytes(stale)
    found = list(reader.lines([tmp_path]))
    assert (frames(found), damages(found)) == (["frame 1", "frame 2"], [])
    again = writer(tmp_path)
    assert [one.frames for one in again.index.segments] == [1, 1]


def test_a_removed_folder_is_noticed_and_begun_again(tmp_path: Path) -> None:
    folder = tmp_path / "k3"
    to = writer(folder)
    write(to, [opened("c"), frame("c", 1)], "7-0")
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError):
        write(to, [frame("c", 2)], "8-0")
    assert to.positions == reached("7-0")
    write(to, [frame("c", 2)], "8-0")
    to.close()
    found = list(reader.lines([folder]))
    assert frames(found) == ["frame 2"]
    assert _joined(only_file(folder)) == {"c": True}


FULL = """
import resource, sys
from pathlib import Path
from tests.recordings.written import frame, frames, opened, reached, write, writer
from recordings import reader
to = writer(Path(sys.argv[1]))
write(to, [opened("c"), frame("c", 1)], "7-0")
room = next(Path(sys.argv[1]).glob("*.zst")).stat().st_size + 40
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
try:
    write(to, [frame("c", number) for number in range(2, 50)], "8-0")
except OSError as error:
    print("refused", error.errno, to.positions == reached("7-0"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
write(to, [frame("c", 2)], "8-0")
to.close()
found = list(reader.lines([sys.argv[1]]))
print(frames(found), [one for one in found if isinstance(one, reader.Damage)])
"""


def test_what_a_full_disk_refused_is_written_once_there_is_room(tmp_path: Path) -> None:
    """A limit of the process on the size of a file: the write ends in the middle of a packet, as on a full disk."""
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    ignore = lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # noqa: E731
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "k3")], env=env, preexec_fn=ignore, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["refused 27 True", "['frame 1', 'frame 2'] []"], done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path) -> None:
    to = Writer(tmp_path, lines.Header("k3"), 10**6, free_bytes_min=2**60)
    with pytest.raises(OSError, match="are free"):
        write(to, [frame("c", 1)])
    assert list(tmp_path.glob("*.zst")) == []


def test_two_never_write_the_same_folder(tmp_path: Path) -> None:
    first = writer(tmp_path)
    with pytest.raises(OSError, match="another process"):
        writer(tmp_path)
    first.leave()
    writer(tmp_path).leave()


def test_the_oldest_segments_go_where_more_is_not_to_be_kept(tmp_path: Path) -> None:
    to = Writer(tmp_path, lines.Header("k3"), segment_bytes=1, most_bytes=900)
    for number in range(1, 9):
        write(to, [frame("c", number)])
    to.close()
    kept = [names.number(name) for name in names.in_order(tmp_path)]
    assert 1 < len(kept) < 8
    assert kept == list(range(9 - len(kept), 9))
    assert to.written.bytes == sum(file.stat().st_size for file in tmp_path.glob("*.zst"))
    found = list(reader.lines([tmp_path]))
    assert (frames(found)[-1], damages(found)) == ("frame 8", [])


def test_a_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="directory"):
        Writer(tmp_path / "file" / "k3", lines.Header("k3"), 1)
