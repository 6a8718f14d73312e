"""One running platform for all faults of a process."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults.bench import Bench, running
from tests.stores import open_folder


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def bench() -> AsyncIterator[Bench]:
    with open_folder() as folder:
        async with running(folder) as started:
            yield started
