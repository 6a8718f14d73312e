"""A librdkafka producer with a bounded window: messages in, and for each a word of what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, Producer

WINDOW_BYTES = 32 * 2**20  # not acknowledged
WINDOW_MESSAGES = 50_000
BATCH_BYTES = 512 * 1024  # half of what a broker takes by default
LINGER_MS = 20  # waits to be sent together
PROPAGATION_MS = 5_000  # how long a topic that was just made may be unknown
REFRESH_MS = 10_000  # what is known of topics and their leaders; one that was refused may be there by then
RECONNECT_MAX_MS = 2_000  # the pause before a broker that was away is tried again

# Delivery is told once: with the broker's word, or with what is missing for it.
Outcome = Callable[[KafkaError | None], None]

# A message that was not refused, but taken back by us.
TAKEN_BACK = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}
SECRET = ("password", "secret", "key.pem", "certificate.pem", "config", "username")


@dataclass(frozen=True)
class Connection:
    """How Kafka is reached. `options` are further properties of librdkafka, secrets among them."""

    servers: str
    compression: str
    options: Mapping[str, str] = field(repr=False)

    def properties(self) -> dict[str, Any]:
        """For any client. It is quiet: what librdkafka says of its connections comes as errors."""
        return {
            "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
            "socket.keepalive.enable": True,
            "log_level": 0,
            **self.options,
            "bootstrap.servers": self.servers,
        }

    def hidden(self, text: str) -> str:
        """The text without what must not be shown."""
        secrets = [value for name, value in self.options.items() if name.endswith(SECRET) and value]
        for value in sorted(secrets, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


class Sender:
    """Callbacks come from `poll` alone, so in the thread that calls it."""

    def __init__(self, connection: Connection, batch_bytes: int, on_error: Callable[[KafkaError], None]) -> None:
        """KafkaException where the properties make no sense."""
        self.batch_bytes = batch_bytes
        self.messages = self.bytes = 0  # not acknowledged
        self.told = 0  # messages whose outcome is known
        self._producer = Producer(
            {
                "linger.ms": LINGER_MS,
                "topic.metadata.propagation.max.ms": PROPAGATION_MS,
                "topic.metadata.refresh.interval.ms": REFRESH_MS,
                "queue.buffering.max.messages": 2 * WINDOW_MESSAGES,
                "queue.buffering.max.kbytes": 4 * WINDOW_BYTES // 1024,
                **connection.properties(),
                "compression.type": connection.compression,
                "batch.size": batch_bytes,
                # A retry is neither a duplicate nor out of order.
                "enable.idempotence": True,
                "acks": "all",
                # A broker that is away is waited for: the window is full then, and nothing more is read.
                "message.timeout.ms": 0,
                # As the Java clients place keys, so that a topic of theirs can be joined with ours.
                "partitioner": "murmur2_random",
                "error_cb": on_error,
            }
        )

    @property
    def full(self) -> bool:
        """Nothing more should be handed over for now."""
        return self.messages >= WINDOW_MESSAGES or self.bytes >= WINDOW_BYTES

    def send(self, topic: str, key: bytes, value: bytes, identity: str, outcome: Outcome) -> bool:
        """False where librdkafka takes no more now. KafkaException where it refuses the message at once."""
        size = len(value)
        try:
            self._producer.produce(
                topic, value, key, headers=[("id", identity)], on_delivery=partial(self._told, size, outcome)
            )
        except BufferError:
            return False
        self.messages += 1
        self.bytes += size
        return True

    def poll(self) -> int:
        """Calls back for all that is known by now; how many."""
        return int(self._producer.poll(0))

    def purge(self) -> None:
        """Nothing of what waits or is under way is sent (again)."""
        self._producer.purge(blocking=False)

    def close(self) -> None:
        """Blocks for a moment. What was not acknowledged is forgotten."""
        self._producer.purge()
        self._producer.flush(1)

    def _told(self, size: int, outcome: Outcome, error: KafkaError | None, _: Any) -> None:
        self.messages -= 1
        self.bytes -= size
        self.told += 1
        outcome(error)


def cause(error: Exception) -> KafkaError:
    """The error that an exception of the client carries."""
    found = error.args[0] if error.args else None
    return found if isinstance(found, KafkaError) else KafkaError(KafkaError._FAIL, str(error))
