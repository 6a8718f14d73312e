"""The Kafka topics that are written to: whether Kafka answers, and made where they are not there."""

import asyncio
import logging
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from streams.forwarders.sender import Connection, cause

log = logging.getLogger(__name__)

REPLICAS = 3
PATIENCE_S = 5.0


class Topics:
    """What is there is asked for at most once; `refusals` says why a topic could not be made."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        """KafkaException where the properties make no sense."""
        self._admin = AdminClient(connection.properties())
        self._partitions = partitions
        self._replicas = 1
        self._ready: set[str] = set()
        self.refusals: dict[str, str] = {}

    def ready(self, name: str) -> bool:
        """Whether it is there, or was tried."""
        return name in self._ready

    def forget(self, name: str) -> None:
        """It was not there after all."""
        self._ready.discard(name)

    async def reach(self) -> set[str]:
        """The topics there are. KafkaException where Kafka does not answer."""
        found = await asyncio.to_thread(self._admin.list_topics, timeout=PATIENCE_S)
        self._replicas = min(REPLICAS, max(1, len(found.brokers)))
        return {name for name, topic in found.topics.items() if topic.error is None}

    async def make(self, names: Iterable[str]) -> None:
        """Those that are not there. KafkaException where Kafka does not answer; a refusal is none: the broker may
        make a topic when it is written to."""
        wanted = sorted(set(names) - self._ready)
        if not wanted:
            return
        there = await self.reach()
        if missing := [name for name in wanted if name not in there]:
            await asyncio.to_thread(self._make, missing)
        self._ready.update(wanted)

    def _make(self, names: list[str]) -> None:
        new = [NewTopic(name, self._partitions, self._replicas) for name in names]
        for name, making in self._admin.create_topics(new, request_timeout=PATIENCE_S).items():
            self.refusals.pop(name, None)
            try:
                making.result()  # ends by itself
                log.info("Kafka topic %s was made: %d partitions", name, self._partitions)
            except KafkaException as error:
                why = cause(error)
                if why.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    self.refusals[name] = why.str()
                    log.warning("Kafka topic %s could not be made: %s", name, why.str())
