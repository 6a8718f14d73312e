"""System checks: settings of marketdata that make no sense stop a start, each in one sentence."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from exchanges import registry
from marketdata.problems import one_of


@register
def exchanges_exist(**_: Any) -> list[CheckMessage]:
    known = list(registry.cards())
    return [
        Error(f"EXCHANGES names {code!r}, which is none; {one_of(known, code)} would do.", id="marketdata.E001")
        for code in settings.EXCHANGES
        if code not in known
    ]


@register
def database_is_postgresql(**_: Any) -> list[CheckMessage]:
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine == "django.db.backends.postgresql":
        return []
    return [
        Error(
            f"DATABASE_URL leads to {engine}; postgresql://… would do: numbers are exact only there.",
            id="marketdata.E002",
        )
    ]


@register
def sandbox_has_an_address(**_: Any) -> list[CheckMessage]:
    if settings.SANDBOX and not settings.SANDBOX_URL:
        return [
            Error("VENUES is sandbox and SANDBOX_URL is empty; http://127.0.0.1:8100 would do.", id="marketdata.E003")
        ]
    return []


@register
def reading_is_open_to_the_world(**_: Any) -> list[CheckMessage]:
    hosts = set(settings.ALLOWED_HOSTS) - {"localhost", "127.0.0.1", "[::1]"}
    if settings.OPEN_READ and hosts:
        words = f"OPEN_READ is set and ALLOWED_HOSTS has {', '.join(sorted(hosts))}: everybody who reaches it can read."
        return [Warning(words, id="marketdata.W001")]
    return []
