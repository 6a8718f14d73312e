"""The embedded stores: start, stop, and keep what they were given."""

import os
import stat
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from config.services.held import held, held_postgres, held_redis, postgres_in
from config.services.home import database_home
from config.services.missing import ServiceMissing
from config.services.owner import Owner
from config.services.ports import any_free, is_free


def test_redis_keeps_its_data_over_a_restart_and_its_port_is_free_again(installation_folder: Path):
    with held_redis(installation_folder) as redis:
        Redis.from_url(redis.url).set("kept", "yes")
    assert is_free(redis.port)
    with held_redis(installation_folder) as redis:
        assert Redis.from_url(redis.url).get("kept") == b"yes"


def test_redis_is_set_for_queues_and_subscribers(installation_folder: Path):
    with held_redis(installation_folder) as redis:
        settings = Redis.from_url(redis.url, decode_responses=True).config_get()
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert "pubsub 536870912 268435456 30" in settings["client-output-buffer-limit"]
    assert settings["bind"] == "127.0.0.1"


def test_redis_wants_its_password(installation_folder: Path):
    with held_redis(installation_folder) as redis, pytest.raises(AuthenticationError):
        Redis(port=redis.port, retry=Retry(NoBackoff(), 0)).get("anything")
    assert stat.S_IMODE((redis.folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((redis.folder / "redis.conf").stat().st_mode) == 0o600


def test_postgres_keeps_its_data_over_a_restart(installation_folder: Path):
    with held_postgres(installation_folder) as postgres:
        assert postgres.ensure_database("prices")
        with psycopg.connect(postgres.url("prices")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1.10::numeric AS price")
    with held_postgres(installation_folder) as postgres:
        assert not postgres.ensure_database("prices")
        with psycopg.connect(postgres.url("prices")) as connection:
            assert str(connection.execute("SELECT price FROM kept").fetchone()[0]) == "1.10"


def test_postgres_wants_its_password_and_listens_on_loopback_alone(installation_folder: Path):
    with held_postgres(installation_folder) as postgres:
        with psycopg.connect(postgres.url("postgres")) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.url("postgres").replace(postgres.password, "guess"))


def test_a_taken_port_is_an_error_with_the_reason(installation_folder: Path):
    with held_redis(installation_folder) as redis:
        postgres = postgres_in(installation_folder, redis.port)
        with pytest.raises(ServiceMissing, match="postgres did not start"), held(postgres.child(), postgres):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that its own PostgreSQL cannot reach")
def test_below_a_private_folder_the_cluster_is_where_its_user_reaches_it(tmp_path: Path, installation_folder: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o700)
    home = database_home(tmp_path / "var", installation_folder / "system")
    assert home.parent == installation_folder / "system"
    assert database_home(tmp_path / "var", Path("/elsewhere")) == home, "it stays where it was first put"


def test_a_cluster_half_made_is_made_again(installation_folder: Path):
    postgres = postgres_in(installation_folder, any_free())
    Owner.of(postgres.data).make_folder(postgres.home)
    (postgres.home / "data.new").mkdir()
    (postgres.home / "data.new" / "PG_VERSION").write_text("18\n")
    with held(postgres.child(), postgres):
        assert postgres.is_ready()
