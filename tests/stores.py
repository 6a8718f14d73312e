"""The stores of a test run, as a pytest plugin: a PostgreSQL and a Redis of its own, removed when it ends.

They run before Django's settings load. TEST_DATABASE_URL and TEST_REDIS_URL name others; DATABASE_URL, REDIS_URL and
every other setting of the user's environment and `.env` are left out, so that no test touches a real store.

Where several processes share the tests (`-n`, as `make test` does) each has stores of its own.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from config.env import Environment
from config.services.held import held_postgres, held_redis
from config.services.home import SYSTEM_FOLDER
from config.services.missing import ServiceMissing


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    try:
        _start(stack)
    except ServiceMissing as error:
        pytest.exit(f"The tests need their stores: {error}", returncode=2)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto`: one process where all would empty the same Redis, and otherwise as many as there are cores."""
    return 1 if "TEST_REDIS_URL" in os.environ else None


def _start(stack: ExitStack) -> None:
    # Within that of the process that shares the tests out: it removes what an interrupted one leaves.
    shared = os.environ["VAR_DIR"] if "PYTEST_XDIST_WORKER" in os.environ else None
    folder = stack.enter_context(open_folder(shared))
    database_url, redis_url = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    for name in Environment.model_fields:
        os.environ.pop(name.upper(), None)
    database_url = database_url or stack.enter_context(held_postgres(folder)).url("postgres")
    redis_url = redis_url or stack.enter_context(held_redis(folder)).url
    os.environ |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "ROLE": "test", "STREAM_SLOTS": "1"}
    os.environ |= {"ENV_FILE": os.devnull, "VAR_DIR": str(folder)}


@contextmanager
def open_folder(parent: str | None = None) -> Iterator[Path]:
    """A folder for an installation, removed afterwards with what it has elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="market-data-tests-", dir=parent))
    # A user that may run PostgreSQL where root may not has to pass through; what is inside is private to each.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        pointer = folder / "postgres.location"
        if pointer.exists() and (home := Path(pointer.read_text())).is_relative_to(SYSTEM_FOLDER):
            shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def installation_folder() -> Iterator[Path]:
    """An empty folder that can be an installation's VAR_DIR."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def redis_url() -> str:
    return os.environ["REDIS_URL"]


@pytest.fixture
def clean_redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Redis; answers are bytes."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def async_redis(clean_redis: Redis, redis_url: str) -> AsyncIterator[AsyncRedis]:
    """An asyncio client of an empty Redis, without a time limit on blocking reads; answers are bytes."""
    async with AsyncRedis.from_url(redis_url, socket_timeout=None) as client:
        yield client
