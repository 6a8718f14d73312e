"""Who asks over REST, where an API key says so; access tokens and sessions are their packages' own."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from marketdata import api_keys, keyring
from marketdata.models import ApiKey

HEADER = "X-Api-Key"


class KeyAuthentication(BaseAuthentication):
    """`request.user` is whom the key acts for, `request.auth` the key. Asked before the one for access tokens, which
    would refuse a key in its header."""

    def authenticate(self, request: Request) -> tuple[object, ApiKey] | None:
        text = sent(request)
        if text is None:
            return None
        try:
            key = keyring.judged(text)
        except keyring.WrongKey as error:
            raise AuthenticationFailed(f"{error}.") from None
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def sent(request: Request) -> str | None:
    """The key that a request brings, right or wrong; None where it brings none."""
    by_name = request.headers.get(HEADER)
    if by_name is not None:
        return by_name.strip()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and api_keys.is_meant(token) else None
