"""`manage.py replay`: what it prints, how it ends, and what it refuses."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import zstandard
from channels.layers import channel_layers
from django.core.management import CommandError, call_command
from redis import Redis

from recordings.models import Replay
from streams import keys
from tests.recordings.replay.frames import opened, trade
from tests.recordings.replay.stage import written

TEXTS = [opened(0), *(trade(10 * number, number) for number in range(1, 51))]


def said(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command("replay", *words, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(written(tmp_path / "r.jsonl", TEXTS))


@pytest.fixture
def platform(transactional_db: None, clean_redis: Redis) -> Redis:
    channel_layers.backends.clear()
    return clean_redis


def test_a_dry_run_needs_no_store_and_gives_counts_and_a_hash(file: str) -> None:
    text = said(file, "--dry-run")
    assert "50 events of 51 lines" in text and "trade 50" in text and re.search("hash: [0-9a-f]{64}\n", text)


def test_the_same_recording_packed_has_the_same_hash(file: str, tmp_path: Path) -> None:
    packed = tmp_path / "r.jsonl.zst"
    packed.write_bytes(zstandard.compress(Path(file).read_bytes()))
    assert said(file, "--dry-run").partition("hash")[2] == said(str(packed), "--dry-run").partition("hash")[2]


def test_a_check_reads_twice(file: str) -> None:
    assert said(file, "--check").count("hash:") == 2


def test_a_check_fails_where_something_is_damaged(tmp_path: Path) -> None:
    broken = written(tmp_path / "broken", [*TEXTS[:20], b"{", *TEXTS[20:]])
    with pytest.raises(CommandError, match="not whole: 1 places are damaged"):
        said(str(broken), "--check")


def test_faults_are_counted(file: str) -> None:
    assert re.search(r"fault drop: \d+ frames, first those of lines \d", said(file, "--dry-run", "--fault", "drop:0.2"))


def test_frames_without_notes_need_the_exchange(tmp_path: Path) -> None:
    bare = str(written(tmp_path / "bare", [trade(n, n, None) for n in range(1, 4)]))
    with pytest.raises(CommandError, match="--exchange would do") as refused:
        said(bare, "--dry-run")
    assert refused.value.returncode == 2
    assert "3 events" in said(bare, "--dry-run", "--exchange", "binance")


def test_what_is_no_recording_at_all_is_said_in_a_sentence(tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("Dear all,\nthis is none.\n")
    with pytest.raises(CommandError, match="letter is no recording: no line of one is in it") as refused:
        said(str(letter), "--dry-run")
    assert refused.value.returncode == 1
    with pytest.raises(CommandError, match="nothing could be read: .*absent: No such file"):
        said(str(tmp_path / "absent"), "--dry-run")


@pytest.mark.parametrize("wrong", [["--speed", "5x"], ["--fault", "melt:1"], ["--fault", "drop"]])
def test_wrong_usage_names_what_would_do(wrong: list[str], file: str) -> None:
    with pytest.raises(CommandError, match=f"{wrong[0]}: .* would do") as refused:
        said(file, "--dry-run", *wrong)
    assert refused.value.returncode == 2


def test_a_replay_says_where_to_listen_and_what_it_came_to(file: str, platform: Redis) -> None:
    text = said(file, "--speed", "max")
    row = Replay.objects.get()
    topic = f"replay-{row.id}.binance.trade.BTC-USDT"
    assert topic in text and f"hash: {row.hash}" in text and (row.state, row.events) == ("done", 50)
    entries = platform.xrange(keys.history(topic))
    events = [json.loads(one) for _, entry in entries for one in entry[b"events"].split(b"\n")]
    assert [int(event["trade_id"]) for event in events] == list(range(1, 51))
    assert row.hash in said(file, "--dry-run")


def test_a_replay_to_topics_that_are_live_is_refused(file: str, platform: Redis) -> None:
    topic, now_s = "binance.trade.BTC-USDT", int(platform.time()[0])
    platform.zadd(keys.RUNNING, {topic: now_s})
    platform.hset(keys.latest(topic), mapping={"stopped": "0", "beat": now_s})
    with pytest.raises(CommandError, match=f"{topic} run now, or are pinned"):
        said(file, "--original")
    assert not Replay.objects.exists()


def test_without_a_platform_that_is_said(file: str, transactional_db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="Redis does not answer"):
        said(file)
