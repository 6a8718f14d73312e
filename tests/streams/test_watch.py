"""`manage.py watch` against the running platform, and how its client goes on after a lost connection."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import aclosing

import pytest
from redis import Redis
from websockets.asyncio.server import ServerConnection, serve

from config.env import ROOT
from streams import keys, watch
from streams.hold import Holder
from tests.streams.live import Web

TRADE = "binance.trade.BTC-USDT"
WATCH = (sys.executable, str(ROOT / "manage.py"), "watch")
PATIENCE_S = 30


async def ran(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `manage.py watch`."""
    process = await asyncio.create_subprocess_exec(*WATCH, *arguments, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    out, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, out.decode(), errors.decode()


async def test_piped_it_writes_each_event_as_it_was_sent_and_ends_after_the_count(
    web: Web, holder: Holder, clean_redis: Redis
) -> None:
    code, out, errors = await ran("btcusdt", "--count", "5", "--url", web.url)
    assert (code, errors) == (0, "")
    counted = [line for line in out.splitlines() if json.loads(line)["seq"]]
    assert len(counted) == 5
    kept = b"\n".join(fields[b"events"] for _, fields in clean_redis.xrange(keys.history(TRADE)))
    assert set(counted) <= set(kept.decode().splitlines())


async def test_ctrl_c_and_a_closed_pipe_are_no_failures(web: Web, holder: Holder) -> None:
    process = await asyncio.create_subprocess_exec(*WATCH, TRADE, "--url", web.ws, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, errors) == (0, b"")
    command = f"set -o pipefail; {' '.join(WATCH)} {TRADE} --url {web.ws} | head -1"
    piped = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    out, errors = await asyncio.wait_for(piped.communicate(), PATIENCE_S)
    assert (piped.returncode, errors, out.count(b"\n")) == (0, b"", 1)


async def test_what_is_refused_or_cannot_be_reached_ends_with_1_and_says_why(web: Web) -> None:
    code, out, errors = await ran("BTC-USTD", "--url", web.url)
    assert (code, out) == (1, "")
    assert "BTC-USDT" in errors
    code, _, errors = await ran("BTC-USDT", "--url", web.url, "--token", "nonsense")
    assert code == 1
    assert "4401" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("BTC-USDT", "--url", "ws://127.0.0.1:1"), 1, "cannot be reached"),
        (("BTC-USDT", "--url", "ftp://127.0.0.1"), 2, "is no address"),
        (("binance..BTC-USDT",), 2, "<exchange>.<stream>.<symbol>"),
        (("BTC-USDT", "--count", "0"), 2, "from 1"),
        ((), 2, "TOPIC"),
    ],
)
async def test_the_exit_code_tells_a_script_what_was_wrong(arguments: tuple[str, ...], code: int, words: str) -> None:
    answered, out, errors = await ran(*arguments)
    assert (answered, out) == (code, "")
    assert words in errors


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/stream/"),
        ("https://example.org/", "wss://example.org/stream/"),
        ("127.0.0.1:8000", "ws://127.0.0.1:8000/stream/"),
        ("wss://example.org/market/stream/", "wss://example.org/market/stream/"),
    ],
)
def test_any_address_of_the_platform_leads_to_its_stream(given: str, url: str) -> None:
    assert watch.stream_url(given) == url


@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ("BTC-USDT", TRADE),
        ("okx.candle_1m.ETH-USDT", "okx.candle_1m.ETH-USDT"),
        ("BRK.B", "binance.trade.BRK.B"),
        ("alpaca.trade.BRK.B", "alpaca.trade.BRK.B"),
    ],
)
def test_a_pair_alone_means_its_trades(given: str, topic: str) -> None:
    assert watch.topic(given) == topic


async def test_a_lost_connection_is_opened_again_and_subscribed_anew() -> None:
    asked: list[str] = []

    async def restarting(socket: ServerConnection) -> None:
        asked.append(await socket.recv())
        await socket.send(f'{{"event":"trade","seq":{len(asked)},"price":0.10000000000000000001}}')
        await socket.close(1012, "restart")

    told: list[str] = []
    async with serve(restarting, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with aclosing(watch.events(url, [TRADE], None, told.append)) as events:
            (first, _), (second, text) = await anext(events), await anext(events)
    assert (first["seq"], second["seq"]) == ("1", "2")
    assert second["price"] == "0.10000000000000000001"
    assert second["price"] in text
    assert asked == [asked[0]] * 2
    assert [words for words in told if "1012" in words and "again in" in words]
