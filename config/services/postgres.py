"""The embedded PostgreSQL: its cluster, its process, its databases."""

import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from config.child import Child
from config.keys import stored_key, write_private
from config.services.missing import ServiceMissing
from config.services.owner import Owner
from config.services.ports import LOOPBACK
from config.services.programs import Programs

SUPERUSER = "marketdata"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    # TCP alone: a socket's path must be short, and a clone's folder may not be.
    "unix_socket_directories": "",
    # Each process has a pool of up to ten.
    "max_connections": "200",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL whose cluster is in `home`/data, run by `owner`, on a loopback port, behind a generated password."""

    home: Path
    keys: Path
    port: int
    log: Path
    owner: Owner

    @cached_property
    def password(self) -> str:
        return stored_key(self.keys / "postgres")

    @property
    def data(self) -> Path:
        return self.home / "data"

    @cached_property
    def programs(self) -> Programs:
        return Programs.for_cluster(self.data, self.home, self.owner)

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def child(self) -> Child:
        """The process; the cluster is made first where there is none. Raises ServiceMissing."""
        if not self.data.exists():
            self._make_cluster()
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        argv = (str(self.programs.postgres), "-D", str(self.data), "-p", str(self.port), *options)
        return Child(
            "postgres",
            argv,
            f"{LOOPBACK}:{self.port}, data in {self.data}",
            {"LC_ALL": "C"},
            self.owner.user,
            self.owner.group,
            self.log,
            # Fast: ends sessions and writes a checkpoint; immediate: leaves that to the next start.
            stop=((signal.SIGINT, 2.0), (signal.SIGQUIT, 0.5)),
            orphaned=signal.SIGINT,
        )

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str) -> bool:
        """Makes the database where it is missing; whether it did."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            return True

    def _make_cluster(self) -> None:
        self.owner.make_folder(self.home)
        # Made under another name, so that what a kill left half made is never taken for a cluster.
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.home / "password.new"
        write_private(password_file, self.password)
        self.owner.give(password_file)
        names = ["-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}"]
        text = ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        try:
            self.owner.run([str(self.programs.initdb), "-D", str(draft), *names, *text])
        except subprocess.CalledProcessError as error:
            raise ServiceMissing(
                f"PostgreSQL could not make its cluster in {self.data}: {error.stderr.strip()}; set DATABASE_URL."
            ) from error
        finally:
            password_file.unlink(missing_ok=True)
        draft.rename(self.data)
