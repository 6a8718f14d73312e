"""The stores that a test run gets."""

from django.db import connection


def test_the_database_is_a_postgresql_of_the_run(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), current_database()")
        version, name = cursor.fetchone()
    assert version.startswith("PostgreSQL")
    assert name.startswith("test_")


async def test_redis_is_empty_at_first_and_keeps_what_is_written(async_redis):
    assert await async_redis.dbsize() == 0
    await async_redis.set("a", 1)
    assert await async_redis.get("a") == b"1"
