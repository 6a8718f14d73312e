"""The sandbox's server: its command, its page, its connections."""

import json
import socket
import subprocess
import sys

import pytest
import websockets

from tests.sandbox_server import ROOT, SandboxServer


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
