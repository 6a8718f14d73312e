"""Every setting of one installation, typed: the only reader of the environment.

Order of sources, first wins: the process environment, the file ENV_FILE (`.env`), and `up.env` in VAR_DIR, which
`manage.py up` writes so that other commands in the same folder find its stores. docs/settings.md has a heading each.
"""

import os
import re
import sys
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.keys import stored_key
from exchanges.registry import cards

ROOT = Path(__file__).resolve().parent.parent
KEY_BYTES_MIN = 32
FIRST_PORT = 8000  # of the web, where it is free
SECRETS = {"secret_key", "jwt_signing_key", "kafka_options"}
# Properties that the promise to lose nothing rests on, or that other settings say: not for KAFKA_OPTIONS.
KAFKA_OURS = {"acks", "bootstrap.servers", "compression.type", "enable.idempotence", "partitioner"} | {
    "message.timeout.ms"
}


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _postgres_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ValueError
    return value


def _redis_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss", "unix"} or not (parts.hostname or parts.path):
        raise ValueError
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return value.rstrip("/")


def _brokers(value: str) -> str:
    """`host:port` with commas between; the port may be left out, an address of IPv6 stands in brackets."""
    brokers = [broker.strip() for broker in value.split(",")]
    if not all(re.fullmatch(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?", broker) for broker in brokers):
        raise ValueError
    return ",".join(brokers)


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,99}", value):
        raise ValueError
    return value


def _properties(value: Any) -> Any:
    """`name=value` with commas between; a comma within a value has a backslash before it."""
    if not isinstance(value, str):
        return value
    pairs = [part.replace("\\,", ",").partition("=") for part in re.split(r"(?<!\\),", value) if part.strip()]
    if any(not name.strip() or not sign or name.strip() in KAFKA_OURS for name, sign, _ in pairs):
        raise ValueError
    return {name.strip(): text.strip() for name, _, text in pairs}


def _address(value: str) -> str:
    return value if value == "localhost" else str(ip_address(value))


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(value)) for value in values)


def _known(codes: tuple[str, ...]) -> tuple[str, ...]:
    if set(codes) - set(cards()):
        raise ValueError
    return codes


def _long_enough(value: str) -> str:
    if len(value.encode()) < KEY_BYTES_MIN:
        raise ValueError
    return value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda value: str(value).upper())]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)]
Codes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_known)]
Key = Annotated[str, AfterValidator(_long_enough)]
Brokers = Annotated[str, AfterValidator(_brokers)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Properties = Annotated[dict[str, str], NoDecode, BeforeValidator(_properties)]
Host = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Folder = Annotated[Path, AfterValidator(lambda path: ROOT / path.expanduser())]
Positive = Annotated[int, Field(ge=1)]


def _is(would_do: str, default: Any) -> Any:
    """A field with the words for what would do, as the sentence about a senseless value says them."""
    return Field(default, description=would_do)


class Environment(BaseSettings):
    """One installation's settings. A name in capitals is the variable's; None means "not set by the user"."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    # None: `up` runs the PostgreSQL of its own wheel.
    database_url: PostgresUrl | None = _is("postgresql://user:password@host:5432/name", None)
    # None: `up` runs the Redis of its own wheel.
    redis_url: RedisUrl | None = _is("redis://:password@host:6379/0", None)
    # None: generated once and kept in VAR_DIR, so that a first start needs no thought.
    secret_key: Key | None = _is(f"at least {KEY_BYTES_MIN} random bytes", None)
    # Apart from SECRET_KEY, so that changing that one does not log out every program.
    jwt_signing_key: Key | None = _is(f"at least {KEY_BYTES_MIN} random bytes, other than SECRET_KEY", None)
    # Off: error pages with settings in them are for a developer's eyes.
    debug: bool = _is("true or false", False)
    # Loopback only, until somebody decides otherwise.
    allowed_hosts: Words = _is("host names with commas between", ("localhost", "127.0.0.1", "[::1]"))
    # Loopback: whoever stands before us on this machine tells whom it speaks for.
    trusted_proxies: Networks = _is("addresses or networks with commas between", ("127.0.0.1", "::1"))
    # Empty: a page on another origin may not post forms here.
    csrf_trusted_origins: Words = _is("origins such as https://example.org with commas between", ())
    # None: closed, but `up` opens reading while it is bound to loopback.
    open_read: bool | None = _is("true or false", None)
    # Auto: `up` tries the real exchanges; everything else takes it as live.
    venues: Literal["live", "sandbox", "auto"] = _is("live, sandbox or auto", "auto")
    # The sandbox command's own default port; read only where VENUES is sandbox.
    sandbox_url: HttpUrl = _is("a URL such as http://127.0.0.1:8100", "http://127.0.0.1:8100")
    # Enough to look alive on one screen; read only where `up` runs the sandbox.
    sandbox_rate: Positive = _is("a whole number of events a second from 1", 200)
    # Empty: all that the registry knows.
    exchanges: Codes = _is(f"some of {', '.join(cards())} with commas between", ())
    # None: no Kafka; where it is set, `auto` never falls back to invented prices.
    kafka_bootstrap_servers: Brokers | None = _is("host:port with commas between", None)
    # One topic an exchange: few to manage, and who wants less reads the key or the value.
    kafka_topics: Literal["exchange", "stream", "topic"] = _is("exchange, stream or topic", "exchange")
    # Ours among the others on a broker that is shared.
    kafka_prefix: Prefix = _is("1 to 100 letters a-z A-Z, digits, and - _ . not in front", "marketdata")
    # Our JSON becomes 15 times smaller, of lz4 7 times, at hundreds of megabytes a second.
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = _is("none, gzip, snappy, lz4 or zstd", "zstd")
    # 1, 2, 3 or 6 consumers of a group share it evenly.
    kafka_partitions: Positive = _is("a whole number from 1", 6)
    # What a broker behind TLS or a password needs.
    kafka_options: Properties = _is(
        f"properties of librdkafka, name=value with commas between, other than {', '.join(sorted(KAFKA_OURS))}", {}
    )
    # Loopback: nothing is offered to a network unasked.
    host: Host = _is("an address of this machine, such as 127.0.0.1", "127.0.0.1")
    # None: `up` takes 8000 or the next free one.
    port: Port | None = _is("a whole number from 1 to 65535", None)
    # None: one loop per core, since each is one busy process.
    stream_slots: Positive | None = _is("a whole number from 1", None)
    # Enough for a client to be away for half a minute on a busy topic.
    history_events: Positive = _is("a whole number of events from 1", 10_000)
    # One budget for all topics; Redis must have this and its broker queues in memory.
    history_mb: Positive = _is("a whole number of megabytes from 1", 512)
    # A restart and most outages of an exchange; what was lost before is history, and candles are pulled anyway.
    repair_s: Positive = _is("a whole number of seconds from 1", 600)
    # A recorder may be away for half a minute of a busy exchange.
    tape_mb: Positive = _is("a whole number of megabytes from 1", 64)
    # None: below VAR_DIR.
    recordings_dir: Folder | None = _is("a folder", None)
    # Small enough to be moved and read alone; one that was cut or damaged costs little of it anyway.
    recording_segment_mb: Positive = _is("a whole number of megabytes from 1", 64)
    # Off: a disk is not filled unasked; compose turns it on.
    record_pins: bool = _is("true or false", False)
    # A few days of two busy markets.
    record_pins_mb: Positive = _is("a whole number of megabytes from 1", 10_000)
    # A client that lags by more has lost the present; a thousand such clients still fit into memory.
    outbox_mb: Positive = _is("a whole number of megabytes from 1", 16)
    # Every market of an exchange on one connection.
    most_subscriptions: Positive = _is("a whole number from 1", 5_000)
    # A few such connections.
    most_user_subscriptions: Positive = _is("a whole number from 1", 20_000)
    # More than people and programs ask; a burst of 20 seconds' requests is let through.
    most_requests_s: Positive = _is("a whole number from 1", 100)
    # A team behind one address, and no more than one process has files for.
    most_connections: Positive = _is("a whole number from 1", 1_000)
    # As a frame may be: a thousand topics in one request fit.
    most_message_bytes: Positive = _is("a whole number of bytes from 1", 262_144)
    # As a connection may have; but these run whether anybody reads them or not.
    most_signalled_topics: Positive = _is("a whole number from 1", 5_000)
    # What an operator reads; DEBUG adds every reconnect's detail.
    log_level: Level = _is("DEBUG, INFO, WARNING or ERROR", "INFO")
    # Named in each log record; `up` and compose set it per process.
    role: str = _is("a word such as web", "manage")
    # Data, keys and logs of an installation that `up` runs; below the clone, so that removing the clone removes all.
    var_dir: Folder = _is("a folder", ROOT / "var")

    @property
    def slots(self) -> int:
        return self.stream_slots or os.cpu_count() or 1


def load(env_file: str | None = None, with_up: bool = True) -> Environment:
    """The settings, or exit 2 after one sentence about the first that makes no sense.

    `with_up=False` leaves out what an earlier `up` wrote: `up` itself must see only what the user has set.
    """
    env_file = env_file or os.environ.get("ENV_FILE") or str(ROOT / ".env")
    var_dir = ROOT / Path(os.environ.get("VAR_DIR") or "var").expanduser()
    files = (var_dir / "up.env", env_file) if with_up else (env_file,)
    try:
        return Environment(_env_file=files, _env_file_encoding="utf-8")
    except ValidationError as error:
        sys.stderr.write(sentence(error) + "\n")
        raise SystemExit(2) from None


def exchange_keys(names: Iterable[str], env_file: str | None = None) -> dict[str, str]:
    """The user's keys with exchanges, of the names that their cards give; those that are not set are left out."""
    env_file = env_file or os.environ.get("ENV_FILE") or str(ROOT / ".env")
    kept = dotenv_values(env_file) if Path(env_file).is_file() else {}
    found = {name: os.environ.get(name) or kept.get(name) for name in names}
    return {name: value for name, value in found.items() if value}


def sentence(error: ValidationError) -> str:
    """The first error in words: the variable, what came, what would do. Secrets are never printed."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    came = f"a value of {len(str(first['input']))} characters" if name in SECRETS else shown(first["input"])
    return f"{name.upper()} makes no sense: {came} came, {Environment.model_fields[name].description} would do."


def shown(value: Any) -> str:
    """A value as a message may show it: without the password of a URL."""
    return repr(re.sub(r"//([^/@]*):[^/]*@", r"//\1:***@", str(value)))


def key(name: str, given: str | None, var_dir: Path) -> str:
    """The key the user set, or the one kept in VAR_DIR; exit 2 with one sentence where neither can be."""
    try:
        return given or stored_key(var_dir / "keys" / name.lower())
    except OSError as error:
        sys.stderr.write(
            f"{name} is not set and none can be kept ({error}): set {KEY_BYTES_MIN} random bytes or more.\n"
        )
        raise SystemExit(2) from None


def web_url(host: str, port: int | None) -> str:
    """The web's address for a program on the same machine."""
    named = "127.0.0.1" if host in {"0.0.0.0", "::", "localhost"} else host
    return f"http://{f'[{named}]' if ':' in named else named}:{port or FIRST_PORT}"
