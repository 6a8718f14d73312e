"""The text of an API key: made, read, hashed, and hidden where it must not be seen; pure."""

import re
import secrets
import string
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

MARK = "mdp_"
ID_LETTERS = 8
SECRET_BYTES = 32
WOULD_DO = f"{MARK}<{ID_LETTERS} letters>_<43 letters, digits, - and _>"

_SHAPE = re.compile(rf"{MARK}([a-z]{{{ID_LETTERS}}})_([A-Za-z0-9_-]{{43}})")
_TRACE = re.compile(rf"{MARK}[A-Za-z0-9_-]+")  # a cut one gives parts of its secret away too


@dataclass(frozen=True)
class Key:
    """`id` may be shown; `secret` is the user's alone, and no representation of the object holds it."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """What the user sends."""
        return f"{MARK}{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is stored: SHA-256 of the secret, in hexadecimal. A slow hash with a salt makes it dear to try the few
        passwords that people choose; of a random number of 256 bits nobody tries all, and every request pays the hash.
        """
        return sha256(self.secret.encode()).hexdigest()

    def fits(self, digest: str) -> bool:
        """Whether that was stored of it; how long the comparison takes tells nothing of where they differ."""
        return compare_digest(self.digest, digest)


def new() -> Key:
    """A key that nobody has."""
    letters = (secrets.choice(string.ascii_lowercase) for _ in range(ID_LETTERS))
    return Key("".join(letters), secrets.token_urlsafe(SECRET_BYTES))


def is_meant(text: str) -> bool:
    """Whether a token means to be an API key, right or wrong, rather than an access token."""
    return text.startswith(MARK)


def parsed(text: str) -> Key | None:
    """None where the text has not the shape of a key."""
    found = _SHAPE.fullmatch(text)
    return Key(*found.groups()) if found else None


def hidden(text: str) -> str:
    """The text without any key, whole or cut, that stands in it: for logs and errors, which repeat what came."""
    return _TRACE.sub(f"{MARK}***", text) if MARK in text else text
