"""Whether an exchange counts as reachable, against real answers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.services.ports import any_free
from config.venues import any_reachable


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("status", "reachable"), [(200, True), (404, True), (500, True), (403, False), (451, False)])
def test_an_answer_counts_unless_it_is_a_refusal(status, reachable):
    with answering(status) as url:
        assert any_reachable([url]) is reachable


def test_one_that_answers_is_enough():
    with answering(451) as refusing, answering(200) as open_url:
        assert any_reachable([refusing, f"http://127.0.0.1:{any_free()}", open_url])


def test_silence_counts_as_unreachable_when_the_time_is_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_s = time.monotonic()
        assert not any_reachable([f"http://127.0.0.1:{silent.getsockname()[1]}"], timeout_s=0.3)
        assert time.monotonic() - began_s < 2


def test_nothing_to_ask_is_nothing_reachable():
    assert not any_reachable([])
