"""The sandbox's server: its command, its page, its connections."""

import asyncio
import json
import select
import signal
import socket
import subprocess
import sys
import time

import pytest
import websockets

from tests.sandbox_server import ROOT, SandboxServer, StartSandbox, running

WAIT_S = 5


async def test_trades_arrive_without_a_hole_and_rest_has_the_same(sandbox: SandboxServer):
    async with websockets.connect(f"{sandbox.ws()}/ws/btcusdt@trade") as ws:
        seen = [json.loads(await ws.recv()) for _ in range(20)]
    ids = [trade["t"] for trade in seen]
    assert ids == list(range(ids[0], ids[0] + 20))
    rows = sandbox.get(f"/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId={ids[0]}&limit=20")
    assert [(row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]) for row in rows] == [
        (trade["t"], trade["p"], trade["q"], trade["T"], trade["m"]) for trade in seen
    ]


def test_the_page_says_what_is_served(sandbox: SandboxServer):
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET / HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        page = connection.makefile().read()
    assert f"{sandbox.url}/binance" in page and "/faults" in page


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--rate", "fast"], 2, "'fast' came; a whole number from 1"),
        (["--port", "70000"], 2, "from 0 to 65535 would do"),
        (["--host", "192.0.2.1", "--port", "0"], 3, "cannot be used"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(options: list[str], code: int, words: str):
    done = subprocess.run([sys.executable, "-m", "sandbox", *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code
    assert words in done.stderr.splitlines()[-1]


def test_a_taken_port_is_one_sentence(sandbox: SandboxServer):
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "manage.py", "sandbox", "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"127.0.0.1:{port} is taken; --port 0 takes a free one\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order_while_clients_are_connected(start_sandbox: StartSandbox, number: int):
    server = start_sandbox(symbols=2)
    async with websockets.connect(f"{server.ws()}/ws/btcusdt@depth") as ws:
        server.process.send_signal(number)
        said = []
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                said.append(json.loads(await ws.recv()))
    assert said[-1]["e"] == "serverShutdown"
    assert closed.value.rcvd.code == 1012
    assert await asyncio.to_thread(server.process.wait, 5) == 0


async def test_a_client_that_does_not_read_is_dropped_and_the_others_go_on(start_sandbox: StartSandbox):
    server = start_sandbox(rate=40_000, symbols=2)
    names = "/".join(f"{symbol}@{what}" for symbol in ("btcusdt", "ethusdt") for what in ("trade", "bookTicker"))
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as deaf:
        deaf.sendall(
            f"GET /binance/stream?streams={names} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        ends = select.poll()
        ends.register(deaf, 0)  # errors and hang-ups only
        async with websockets.connect(f"{server.ws()}/ws/ethusdt@depth@100ms", max_queue=None) as ws:
            before = json.loads(await ws.recv())
            while not ends.poll(0):
                update = json.loads(await asyncio.wait_for(ws.recv(), WAIT_S))
                assert update["U"] == before["u"] + 1
                before = update


async def test_a_connection_ends_at_its_lifetime(start_sandbox: StartSandbox):
    server = start_sandbox(symbols=1, lifetime=1)
    async with websockets.connect(f"{server.ws()}/ws/btcusdt@trade") as ws:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(ws.recv(), WAIT_S)
    assert closed.value.rcvd.code == 1001


async def test_pings_count_as_messages(sandbox: SandboxServer):
    async with websockets.connect(f"{sandbox.ws()}/ws") as ws:
        for _ in range(6):
            await ws.ping()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(ws.recv(), WAIT_S)
    assert closed.value.rcvd.code == 1008


def test_help_shows_examples():
    done = subprocess.run([sys.executable, "manage.py", "sandbox", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "manage.py sandbox --seed 7 --rate 20000 --symbols 2" in done.stdout


def test_it_is_ready_within_a_second_and_a_half_without_database_or_redis():
    took_s = []
    for _ in range(2):  # the faster one counts: others may be at work on this machine
        started_s = time.monotonic()
        with running("--symbols", "400"):
            took_s.append(time.monotonic() - started_s)
    assert min(took_s) < 1.5
