"""Settings: what makes no sense stops the start with one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ROOT, Environment

HEADINGS = [line[3:].strip("` ") for line in (ROOT / "docs/settings.md").read_text().splitlines() if line[:3] == "## "]


def started_with(**variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "import config.settings as s; print(s.ALLOWED_HOSTS, s.STREAM_SLOTS, s.SANDBOX)"],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("variable", "value", "would_do"),
    [
        ("DEBUG", "perhaps", "true or false"),
        ("PORT", "eighty", "a whole number from 1 to 65535"),
        ("DATABASE_URL", "mysql://a:b@c/d", "postgresql://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("VENUES", "demo", "live, sandbox or auto"),
        ("EXCHANGES", "binance,binanze", "some of alpaca"),
        ("HOST", "everywhere", "an address of this machine"),
        ("STREAM_SLOTS", "0", "a whole number from 1"),
        ("JWT_SIGNING_KEY", "short", "32 random bytes"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka one:9092", "host:port"),
        ("KAFKA_TOPICS", "symbol", "exchange, stream or topic"),
        ("KAFKA_PREFIX", "market data", "letters"),
        ("KAFKA_COMPRESSION", "rar", "zstd"),
        ("KAFKA_PARTITIONS", "0", "a whole number from 1"),
        ("KAFKA_OPTIONS", "acks=0", "other than acks"),
        ("KAFKA_OPTIONS", "sasl.password", "name=value"),
    ],
)
def test_a_senseless_value_stops_the_start_with_a_sentence_that_names_it(variable, value, would_do):
    done = started_with(**{variable: value})
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert variable in sentence
    assert would_do in sentence


def test_the_sentence_shows_no_secret():
    assert "hunter2" not in started_with(DATABASE_URL="mysql://a:hunter2@c/d").stderr
    assert "hunter2" not in started_with(SECRET_KEY="hunter2").stderr
    assert "hunter2" not in started_with(KAFKA_OPTIONS="acks=all,sasl.password=hunter2").stderr


def test_values_are_read_as_what_they_mean():
    done = started_with(ALLOWED_HOSTS="a.org, b.org", STREAM_SLOTS="3", VENUES="sandbox")
    assert done.stdout == "['a.org', 'b.org'] 3 True\n"


def test_a_comma_within_an_option_of_kafka_has_a_backslash():
    given = {**os.environ, "KAFKA_OPTIONS": "security.protocol=SASL_SSL, sasl.password=a\\,b=c"}
    code = "from config.env import load; print(load().kafka_options)"
    done = subprocess.run([sys.executable, "-c", code], env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "{'security.protocol': 'SASL_SSL', 'sasl.password': 'a,b=c'}\n"


def test_an_empty_variable_counts_as_unset():
    assert started_with(STREAM_SLOTS="3", DEBUG="").returncode == 0


def test_the_environment_goes_before_the_file(tmp_path: Path):
    (tmp_path / "env").write_text("STREAM_SLOTS=7\nALLOWED_HOSTS=file.org\n")
    done = started_with(ENV_FILE=str(tmp_path / "env"), STREAM_SLOTS="3")
    assert done.stdout == "['file.org'] 3 False\n"


def test_a_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path):
    for _ in range(2):
        assert started_with(VAR_DIR=str(tmp_path)).returncode == 0
    kept = sorted((tmp_path / "keys").iterdir())
    assert [path.name for path in kept] == ["jwt_signing_key", "secret_key"]
    assert {oct(path.stat().st_mode & 0o777) for path in kept} == {"0o600"}


def test_every_setting_has_a_heading_in_the_page_about_settings():
    assert sorted(HEADINGS) == sorted(name.upper() for name in [*Environment.model_fields, "env_file"])
