"""Where the database's files are: below the installation's own folder, or where its user can reach them."""

import hashlib
from pathlib import Path

from config.services.owner import Owner

# Only for root whose clone is in a private folder (such as its home): no parent is opened to others for our sake.
SYSTEM_FOLDER = Path("/var/lib/market-data-platform")


def database_home(var_dir: Path, system_folder: Path = SYSTEM_FOLDER) -> Path:
    """The folder for the cluster. One outside `var_dir` is remembered in `var_dir`/postgres.location."""
    home, pointer = var_dir / "postgres", var_dir / "postgres.location"
    if pointer.exists():
        return Path(pointer.read_text().strip())
    if (home / "data").exists() or Owner.of(home / "data").reaches(var_dir):
        return home
    name = hashlib.sha256(str(var_dir).encode()).hexdigest()[:12]
    pointer.write_text(str(system_folder / name))
    return system_folder / name
