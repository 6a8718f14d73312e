"""Who runs PostgreSQL, which refuses root: ourselves, or an unprivileged user that exists already."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.services.missing import ServiceMissing

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Owner:
    """A user by its numbers; both None: the one who runs this."""

    user: int | None = None
    group: int | None = None

    @classmethod
    def of(cls, data: Path) -> "Owner":
        """Who owns the data already, else the first candidate that exists. Raises ServiceMissing."""
        if os.geteuid() != 0:
            return cls()
        if data.exists() and (found := data.stat()).st_uid != 0:
            return cls(found.st_uid, found.st_gid)
        for name in CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise ServiceMissing("PostgreSQL refuses to run as root and there is no user `nobody`: set DATABASE_URL.")

    def run(self, argv: Sequence[str]) -> str:
        """Runs a program as this user; its output. Raises CalledProcessError or OSError."""
        other = {} if self.user is None else {"user": self.user, "group": self.group, "extra_groups": []}
        env = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd="/", env=env, timeout=120, **other)
        return done.stdout

    def reaches(self, folder: Path) -> bool:
        """Whether this user can enter the folder: no parent keeps it out."""
        try:
            self.run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])
        except (subprocess.CalledProcessError, OSError):
            return False
        return True

    def make_folder(self, folder: Path) -> None:
        """Makes a folder that this user alone may enter."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self.give(folder)

    def give(self, path: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def give_all(self, folder: Path) -> None:
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                self.give(Path(place, name))
