"""The ASGI applications that the fanout is compared with; each is served by the platform's own server command.

`bare` sends the same text in a loop: what the server itself can do. `textbook` is what Channels' documentation shows:
one consumer per client, each in the group, and the event encoded for each of them.
"""

import asyncio
import os
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from bench.trade import GROUP, TEXT

YIELD_EVERY = 256  # messages to one client before the others have their turn, as the platform does
LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"

hosts = [{"address": os.environ["REDIS_URL"], "socket_timeout": None}]
settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": LAYER, "CONFIG": {"hosts": hosts}}})


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    message = {"type": "websocket.send", "text": TEXT}
    while True:
        for _ in range(YIELD_EVERY):
            await send(message)
        await asyncio.sleep(0)


class Textbook(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def market_event(self, message: dict[str, Any]) -> None:
        await self.send_json(message["event"])


textbook = Textbook.as_asgi()
