"""librdkafka's own mock cluster in a process of its own, told by lines on stdin what to break.

`python -m tests.streams.forwarders.mock_kafka` prints where it listens. Commands: `down`, `up`, `answer <api> <error>
<count>` (the next requests of that kind), `topic <name> <error>` (what its metadata says). It ends with its stdin.
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
"""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PRODUCER = 0
BROKER = 1
APIS = {"Produce": 0, "Metadata": 3}


class MockKafka:
    """The process, as a test has it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.servers = self._process.stdout.readline().strip()

    def say(self, *words: object) -> None:
        """One command; returns once it was done."""
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def mock_kafka() -> Iterator[MockKafka]:
    mock = MockKafka()
    try:
        yield mock
    finally:
        mock.end()


def _library() -> ctypes.CDLL:
    folder = Path(find_spec("confluent_kafka").origin).parent
    for place in (folder.parent / "confluent_kafka.libs", folder / ".dylibs"):
        for path in place.glob("librdkafka*"):
            library = ctypes.CDLL(str(path))
            for name in ("rd_kafka_new", "rd_kafka_conf_new", "rd_kafka_mock_cluster_new"):
                getattr(library, name).restype = ctypes.c_void_p
            library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
            return library
    raise SystemExit("librdkafka is not inside the wheel here")


def main() -> None:
    library, text = _library(), ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(PRODUCER, ctypes.c_void_p(library.rd_kafka_conf_new()), text, len(text))
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
    library.rd_kafka_mock_set_controller_id(cluster, BROKER)
    print(library.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["down"]:
                library.rd_kafka_mock_broker_set_down(cluster, BROKER)
            case ["up"]:
                library.rd_kafka_mock_broker_set_up(cluster, BROKER)
            case ["answer", api, error, count]:
                errors = (ctypes.c_int * int(count))(*[int(error)] * int(count))
                library.rd_kafka_mock_push_request_errors_array(
                    cluster, ctypes.c_int16(APIS[api]), ctypes.c_size_t(int(count)), errors
                )
            case ["topic", name, error]:
                library.rd_kafka_mock_topic_set_error(cluster, name.encode(), int(error))
        print("done", flush=True)


if __name__ == "__main__":
    main()
