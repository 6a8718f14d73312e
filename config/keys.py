"""Generated secrets, each in a file that only its owner reads."""

import os
import secrets
from pathlib import Path


def stored_key(path: Path, random_bytes: int = 48) -> str:
    """The secret in the file, made on first use; two processes that ask at once get the same one. Raises OSError."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    write_private(draft, secrets.token_urlsafe(random_bytes))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600, replaced as a whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
