"""The scheduler of beat: Django's, but it asks for an endless task only where nobody has been asked already.

While all slots are taken no message is, and none expires before it is taken: they would pile up for ever.
"""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

ENDLESS = {"streams", "kafka", "recorder", "replays"}  # queues in which one message is as good as many


class Clock(DatabaseScheduler):
    """A tick whose like still waits to be taken is left out."""

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        queue = self.app.amqp.router.route({}, entry.task)["queue"].name
        if queue not in ENDLESS or not self._waits(queue):
            super().apply_entry(entry, producer)

    def _waits(self, queue: str) -> bool:
        try:
            with self.app.connection_for_write() as connection:
                return connection.default_channel.queue_declare(queue).message_count > 0
        except (OperationalError, OSError):  # sending says so
            return False
