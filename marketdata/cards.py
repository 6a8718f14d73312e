"""The cards of the exchanges that this installation uses, with the addresses it uses them at."""

from dataclasses import replace

from django.conf import settings

from exchanges import registry
from exchanges.contract import Card


def codes() -> list[str]:
    """The codes in use: those of EXCHANGES, or all that have a card."""
    return [code for code in registry.cards() if not settings.EXCHANGES or code in settings.EXCHANGES]


def card(code: str) -> Card:
    """The card; on an installation that runs on the sandbox, with the sandbox's addresses. KeyError if not in use."""
    if code not in codes():
        raise KeyError(code)
    theirs = replace(registry.card(code), keys=settings.KEYS.get(code, {}))
    return theirs.at(f"{settings.SANDBOX_URL}/{code}") if settings.SANDBOX_URL else theirs


def cards() -> dict[str, Card]:
    """All cards in use, by code."""
    return {code: card(code) for code in codes()}
