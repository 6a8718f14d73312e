"""Every exchange the platform knows: the folders of this package that have a card."""

import importlib
import pkgutil
from functools import cache

import exchanges
from exchanges.contract import Card


@cache
def cards() -> dict[str, Card]:
    """The cards by exchange code, in order of code."""
    folders = sorted(module.name for module in pkgutil.iter_modules(exchanges.__path__) if module.ispkg)
    found = [importlib.import_module(f"exchanges.{folder}").CARD for folder in folders]
    return {card.code: card for card in found}


def card(code: str) -> Card:
    """KeyError where no exchange has this code."""
    return cards()[code]
