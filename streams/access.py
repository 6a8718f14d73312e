"""Who may listen: by key or token (header, subprotocol, action); by session or open reading only from our pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.http.request import split_domain_port, validate_host
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from marketdata import api_keys, keyring
from streams.database import DatabaseAway, database
from streams.quotas import Limits

UNJUDGED = 1013  # try again later
NOT_AUTHENTICATED = 4401
REFUSED = 4403
PROOFS = ("user_id", "session", "key_id")  # what of an access can end by itself


@dataclass(frozen=True)
class Access:
    """What a handshake is worth: `granted`, or a close code, or neither (a token may still come by action)."""

    granted: bool = False
    close_code: int | None = None
    subprotocol: str | None = None
    expires_s: int | None = None  # unix time at which the token or key ends
    user: str | None = None  # who listens, where somebody said so; of a key `key:<name>`
    user_id: str | None = None  # of a token's user
    session: str | None = None  # the key of a session's user
    key_id: str | None = None
    limits: Limits | None = None  # of a key
    why: str = ""  # what was wrong with a key


async def of(scope: dict[str, Any]) -> Access:
    """The access a handshake brings with it."""
    offered = scope.get("subprotocols") or []
    by_subprotocol = offered[1] if len(offered) >= 2 and offered[0] == "bearer" else None
    chosen = "bearer" if by_subprotocol else None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    scheme, _, by_header = headers.get("authorization", "").partition(" ")
    token = by_header.strip() if scheme.lower() == "bearer" else by_subprotocol
    ours = _known_host(headers) and _same_origin(headers)
    try:
        if (by_name := headers.get("x-api-key")) is not None:
            return replace(await _by_key(by_name.strip()), subprotocol=chosen)
        if token:
            return replace(await by_token(token), subprotocol=chosen)
        return await _by_session(headers.get("cookie", "")) if ours else Access(close_code=REFUSED)
    except DatabaseAway:  # where reading is open, it does not matter who listens
        is_open = settings.OPEN_READ and ours
        return Access(is_open, None if is_open else UNJUDGED, chosen)


async def by_token(token: str) -> Access:
    """What an access token or an API key is worth. DatabaseAway where its user cannot be looked up."""
    if api_keys.is_meant(token):
        return await _by_key(token)
    try:
        claims = AccessToken(token)
    except TokenError:
        return Access(close_code=NOT_AUTHENTICATED)
    user_id = str(claims.get("user_id"))
    user = (await database.ask(_active, [user_id])).get(user_id)
    if user is None:
        return Access(close_code=NOT_AUTHENTICATED)
    return Access(granted=True, expires_s=int(claims["exp"]), user=user, user_id=user_id)


async def ended(given: Sequence[Access]) -> set[int]:
    """The indexes of those whose user has been removed or deactivated, or whose session or key has ended; keys that
    have not are noted as used. DatabaseAway."""
    asked = [{getattr(one, name) for one in given} - {None} for name in PROOFS]
    last = await database.ask(_lasting, *asked) if any(asked) else asked
    gone = [(name, those - kept) for name, those, kept in zip(PROOFS, asked, last, strict=True)]
    return {number for number, one in enumerate(given) if any(getattr(one, name) in those for name, those in gone)}


def _active(user_ids: Iterable[str]) -> dict[str, str]:
    """The names of those who may log in, by id."""
    numbers = [user_id for user_id in user_ids if user_id.isdecimal()]
    found = get_user_model().objects.filter(pk__in=numbers, is_active=True)
    return {str(user.pk): user.get_username() for user in found}


def _lasting(user_ids: set[str], sessions: set[str], key_ids: set[str]) -> list[set[str]]:
    kept = keyring.lasting(key_ids) if key_ids else set()
    return [set(_active(user_ids)) if user_ids else set(), {key for key in sessions if _session_user(key)}, kept]


async def _by_key(text: str) -> Access:
    try:
        key = await database.ask(keyring.judged, text)
    except keyring.WrongKey as error:
        return Access(close_code=NOT_AUTHENTICATED, why=str(error))
    limits = Limits(key.most_requests_s, key.most_connections, key.most_subscriptions)
    expires_s = int(key.expires_time.timestamp()) if key.expires_time else None
    return Access(True, expires_s=expires_s, user=f"key:{key.name}", key_id=key.pk, limits=limits)


def _known_host(headers: dict[str, str]) -> bool:
    """Django judges HTTP requests so; without it a page could reach us under a name of its own (DNS rebinding)."""
    domain, _ = split_domain_port(headers.get("host", "").lower())
    return validate_host(domain, settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"])


def _same_origin(headers: dict[str, str]) -> bool:
    """A browser names the page's origin; a program sends none."""
    origin = headers.get("origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


async def _by_session(cookies: str) -> Access:
    morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    user = await database.ask(_session_user, morsel.value) if morsel else None
    return Access(settings.OPEN_READ or user is not None, user=user, session=morsel.value if user else None)


def _session_user(key: str) -> str | None:
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    backend = session.get(BACKEND_SESSION_KEY)
    if backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = load_backend(backend).get_user(session[SESSION_KEY])
    proof = session.get(HASH_SESSION_KEY, "")
    if user is None or not user.is_active or not constant_time_compare(proof, user.get_session_auth_hash()):
        return None
    return user.get_username()
