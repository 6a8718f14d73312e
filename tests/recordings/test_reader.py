"""Reading recordings: order, damage, several at once, files of others."""

import io
import random
from pathlib import Path

import pytest
import zstandard

from recordings import lines, names, reader
from recordings.lines import Header
from tests.recordings.written import (
    SECOND_NS,
    START_NS,
    damages,
    frame,
    frames,
    only_file,
    opened,
    packets,
    write,
    writer,
)


def recording(folder: Path, *batches: list[bytes], segment_bytes: int = 10**6) -> Path:
    to = writer(folder, segment_bytes)
    for batch in batches:
        write(to, batch)
    to.close()
    return folder


def test_lines_come_in_the_order_of_their_receive_time(tmp_path: Path) -> None:
    late = frame("slow", 5)
    folder = recording(tmp_path, [frame("a", 1), frame("a", 9), late, frame("b", 7)], [frame("a", 10)])
    assert frames(reader.lines([folder])) == [f"frame {n}" for n in (1, 5, 7, 9, 10)]


def test_lines_of_one_connection_keep_their_order_whatever_its_clock_did(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1), frame("a", 3, START_NS), frame("b", 2), frame("a", 4)])
    assert [text for text in frames(reader.lines([folder])) if text != "frame 2"] == ["frame 1", "frame 3", "frame 4"]


def test_a_line_that_comes_much_too_late_is_read_where_it_stands(tmp_path: Path) -> None:
    texts = [frame("a", n, START_NS + n * SECOND_NS) for n in (1, 2, 9, 10)] + [frame("b", 3, START_NS)]
    assert sorted(frames(reader.lines([recording(tmp_path, texts)]))) == sorted(f"frame {n}" for n in (1, 2, 9, 10, 3))


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_place_costs_one_packet(tmp_path: Path, seed: int) -> None:
    folder = recording(tmp_path, *([frame("a", n), frame("b", n)] for n in range(20)))
    (tmp_path / "index.json").unlink()
    file, chance = only_file(folder), random.Random(seed)
    text = bytearray(file.read_bytes())
    at = chance.randrange(packets(file)[3][0], packets(file)[16][1])
    text[at] ^= 1 << chance.randrange(8)
    hit = [number for number, (begin, end) in enumerate(packets(file)) if begin <= at < end]
    file.write_bytes(text)
    found = list(reader.lines([folder]))
    missing = {f"frame {n}" for n in range(20)} - set(frames(found))
    assert missing <= {f"frame {number}" for number in hit}
    for damage in damages(found):
        assert damage.file == str(file)
        assert damage.offset <= at < damage.offset + damage.bytes
    assert bool(missing) <= bool(damages(found))


def test_a_file_is_named_that_is_not_what_the_index_says(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1)], [frame("a", 2)])
    file = only_file(folder)
    file.write_bytes(file.read_bytes() + zstandard.compress(frame("a", 3) + b"\n"))
    found = list(reader.lines([folder]))
    assert frames(found) == ["frame 1", "frame 2", "frame 3"]
    (damage,) = damages(found)
    assert (damage.offset, damage.bytes, "sha256" in damage.reason) == (0, 0, True)


def test_a_segment_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1)], [frame("a", 2)], segment_bytes=1)
    first = folder / names.in_order(folder)[0]
    first.unlink()
    found = list(reader.lines([folder]))
    assert frames(found) == ["frame 2"]
    assert [(one.file, "not there" in one.reason) for one in damages(found)] == [(str(first), True)]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_segment_that_is_gone_is_named_where_it_stood(tmp_path: Path, indexed: bool) -> None:
    folder = recording(tmp_path, *([frame("a", n), frame("b", n)] for n in range(4)), segment_bytes=1)
    (folder / names.in_order(folder)[2]).unlink()
    if not indexed:
        (folder / "index.json").unlink()
    found = list(reader.lines([folder]))
    (damage,) = damages(found)
    assert damage.missing
    assert frames(found[: found.index(damage)]) == ["frame 0", "frame 0", "frame 1", "frame 1"]
    assert frames(found[found.index(damage) :]) == ["frame 3", "frame 3"]


def test_a_segment_that_ends_between_two_packets_is_named_where_it_ends(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1)], [frame("a", 2)], [frame("a", 3)])
    to = writer(folder)
    write(to, [frame("a", 4)], "9-0")
    to.close()
    file, size = folder / names.in_order(folder)[0], (folder / names.in_order(folder)[0]).stat().st_size
    end = packets(file)[0][1]
    file.write_bytes(file.read_bytes()[:end])
    found = list(reader.lines([folder]))
    checksum, cut = damages(found)
    assert (checksum.missing, cut.missing, cut.offset, cut.bytes) == (False, True, end, size - end)
    assert frames(found[: found.index(cut)]) == ["frame 1"]
    assert frames(found[found.index(cut) :]) == ["frame 4"]


def test_nothing_behind_a_damaged_place_is_told_before_it(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1), frame("a", 5)], [frame("a", 6), frame("b", 2)], [frame("b", 3)])
    file = only_file(folder)
    begin, end = packets(file)[1]
    file.write_bytes(file.read_bytes()[:begin] + bytes(end - begin) + file.read_bytes()[end:])
    found = list(reader.lines([folder]))
    damage = next(one for one in damages(found) if one.missing)
    assert frames(found[found.index(damage) :]) == ["frame 3"]


def test_a_segment_that_goes_while_it_is_read_costs_itself(tmp_path: Path) -> None:
    folder = recording(tmp_path, [frame("a", 1)], [frame("a", 2, START_NS + 9 * SECOND_NS)], segment_bytes=1)
    found = reader.lines([folder])
    (folder / names.in_order(folder)[0]).unlink()
    told = list(found)
    assert (frames(told), len(damages(told))) == (["frame 2"], 1)


def test_a_newer_version_is_read_as_far_as_it_is_understood(tmp_path: Path) -> None:
    sang = lines.frame_text('{"note":"sang"}', START_NS, "a").replace(b',"raw"', b',"direction":"note","raw"')
    file = tmp_path / "new.jsonl"
    file.write_bytes(b"\n".join([lines.note_text(Header("k3", 2), 1, None), sang, frame("a", 1)]))
    found = list(reader.lines([file]))
    assert frames(found) == ["frame 1"]
    version, note = damages(found)
    assert "version 2 came" in version.reason
    assert (note.offset, "'sang'" in note.reason) == (len(lines.note_text(Header("k3", 2), 1, None)) + 1, True)


def test_several_recordings_are_one_in_receive_order(tmp_path: Path) -> None:
    one = recording(tmp_path / "one", [frame("a", 1), frame("a", 4)])
    two = recording(tmp_path / "two", [frame("b", 2), frame("b", 3), frame("b", 5)])
    assert frames(reader.lines([one, two])) == frames(reader.lines([two, one])) == [f"frame {n}" for n in range(1, 6)]


def test_what_two_recordings_heard_alike_is_told_once(tmp_path: Path) -> None:
    alike = [frame("a", 2), frame("a", 2), frame("a", 3)]  # twice the same in one read of the socket
    one = recording(tmp_path / "one", [opened("a"), frame("a", 1), *alike])
    two = recording(tmp_path / "two", [opened("a", joined=True), *alike, frame("a", 4)])
    found = list(reader.lines([one, two]))
    assert frames(found) == ["frame 1", "frame 2", "frame 2", "frame 3", "frame 4"]
    notes = [lines.note(line) for line in found if not isinstance(line, reader.Damage)]
    assert sum(isinstance(note, lines.Opened) for note in notes) == 1


def test_connections_without_a_name_belong_to_their_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b'{"received_ns":1,"raw":"x"}\n{"received_ns":2,"connection":7,"raw":"y"}\n')
    both = reader.lines([tmp_path / "one", tmp_path / "two"])
    assert [one.connection for one in both if isinstance(one, lines.Line)] == ["1:", "2:", "1:7", "2:7"]
    alone = reader.lines([tmp_path / "one"])
    assert [one.connection for one in alone if isinstance(one, lines.Line)] == [None, 7]


def test_a_file_that_another_program_packed_is_read(tmp_path: Path) -> None:
    """Of one long frame without a size, or cut anywhere into frames."""
    text = b"".join(frame("a", n) + b"\n" for n in range(30_000))
    wanted = [f"frame {n}" for n in range(30_000)]
    packed = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(packed, closefd=False) as stream:
        stream.write(text)
    (tmp_path / "long.zst").write_bytes(packed.getvalue())
    pieces = [zstandard.compress(text[at : at + 99_999]) for at in range(0, len(text), 99_999)]
    (tmp_path / "pieces.zst").write_bytes(b"".join(pieces))
    for name in ("long.zst", "pieces.zst"):
        found = list(reader.lines([tmp_path / name]))
        assert (frames(found), damages(found)) == (wanted, [])
    (tmp_path / "cut.zst").write_bytes(packed.getvalue()[:-2000])
    found = list(reader.lines([tmp_path / "cut.zst"]))
    assert 1000 < len(frames(found)) < 30_000
    assert frames(found) == wanted[: len(frames(found))]
    assert [one.reason for one in damages(found)][-1] == "the file ends within it"


def test_bad_lines_of_a_plain_file_are_named_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "plain.jsonl"
    good, bad = frame("a", 1) + b"\n", b"{\n" + b"7\n"
    file.write_bytes(good + bad + b"\n" + good + good[:-9])
    first, last = damages(reader.lines([file]))
    assert (first.offset, first.bytes, "line 2" in first.reason) == (len(good), len(bad), True)
    assert (last.offset, "line 6" in last.reason) == (len(good + bad + good) + 1, True)


@pytest.mark.parametrize("text", [b"", b"\x00\xff\xfe" * 100_000, b"PK\x03\x04 no recording"])
def test_a_file_that_is_none_has_no_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "picture").write_bytes(text)
    found = list(reader.lines([tmp_path / "picture"]))
    assert len(found) == len(damages(found)) == (1 if text else 0)


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError):
            reader.lines([path])


def test_an_empty_frame_is_passed(tmp_path: Path) -> None:
    file = tmp_path / "some.zst"
    file.write_bytes(zstandard.compress(b"") + zstandard.compress(frame("a", 1)))
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"")
    (tmp_path / "unsized.zst").write_bytes(unsized + zstandard.compress(frame("a", 2)))
    assert frames(reader.lines([file, tmp_path / "unsized.zst"])) == ["frame 1", "frame 2"]
