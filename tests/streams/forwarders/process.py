"""A forwarder in a process of its own: `python -m tests.streams.forwarders.process <servers> <topic>…`."""

import asyncio
import sys

from streams.connection import redis
from streams.forwarders.kafka import Forwarder
from tests.streams.forwarders.written import connection


async def main(servers: str, topics: set[str]) -> None:
    async def wanted() -> set[str]:
        return topics

    await Forwarder(redis(), connection(servers), wanted).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], set(sys.argv[2:])))
