"""A real Apache Kafka of one node, from its published jars: broker and controller in one process (KRaft)."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from config.services.ports import LOOPBACK, any_free

JARS = Path(sys.prefix, "kafka")  # where `make test-kafka` puts them
START_S = 60
MEMORY = "-Xmx512m"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""


def missing() -> str:
    """Why no broker can be started here; empty where one can."""
    if not shutil.which("java"):
        return "no Java is on PATH"
    if not list(JARS.glob("kafka_*.jar")):
        return "the jars of Apache Kafka are not there: `make test-kafka` fetches them where Maven is on PATH"
    return ""


class Broker:
    """Its data stay in the folder from start to start."""

    def __init__(self, folder: Path) -> None:
        self.port = any_free()
        self.servers = f"{LOOPBACK}:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = folder / "server.properties"
        values = {"host": LOOPBACK, "port": self.port, "controller": any_free(), "folder": folder}
        self._settings.write_text(PROPERTIES.format(**values))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        format_ = self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._settings))
        subprocess.run(format_, check=True, capture_output=True)

    def start(self) -> None:
        """Returns when it answers."""
        with (self._folder / "log").open("ab") as log:
            command = self._java("kafka.Kafka", str(self._settings))
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        client, until_s = AdminClient({"bootstrap.servers": self.servers, "log_level": 0}), time.monotonic() + START_S
        while True:
            try:
                client.list_topics(timeout=1)
                return
            except KafkaException:
                assert time.monotonic() < until_s, (self._folder / "log").read_text()[-2000:]
                assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()

    def _java(self, *words: str) -> list[str]:
        return ["java", MEMORY, "-cp", f"{JARS}/*", *words]


@contextmanager
def broker() -> Iterator[Broker]:
    """One that runs; its data go with it."""
    folder = Path(tempfile.mkdtemp(prefix="market-data-kafka-"))
    found = Broker(folder)
    try:
        found.start()
        yield found
    finally:
        found.end()
        shutil.rmtree(folder, ignore_errors=True)
