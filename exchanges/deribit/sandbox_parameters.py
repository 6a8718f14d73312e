"""The parameters of a call as Deribit reads and refuses them; over HTTP all of them are text."""

import json
from collections.abc import Collection, Mapping
from typing import Any


class Wrong(Exception):
    """A refused call: Deribit's code and words."""

    def __init__(self, code: int, message: str, **data: str) -> None:
        super().__init__(message)
        self.error = {"message": message, "code": code, **({"data": data} if data else {})}


def invalid(name: str, reason: str) -> Wrong:
    return Wrong(-32602, "Invalid params", reason=reason, param=name)


def call_of(text: str | bytes) -> dict[str, Any]:
    """A JSON-RPC call: `method`, `params`, perhaps an `id`."""
    try:
        call = json.loads(text)
    except ValueError:
        raise Wrong(-32700, "Parse error") from None
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        raise Wrong(-32600, "Invalid request")
    parameters = call.get("params") or {}
    if not isinstance(parameters, dict):
        raise Wrong(-32602, "Invalid params")
    return {**call, "params": parameters}


class Parameters:
    """The named parameters that came; unknown ones are not looked at."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str, default: str | None = None) -> str:
        """Without a default it must be there."""
        value = self._given.get(name, default)
        if value is None:
            raise invalid(name, "value required")
        if not isinstance(value, str):
            raise invalid(name, "must be a string")
        return value

    def choice(self, name: str, choices: Collection[str], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise invalid(name, "wrong value")
        return value

    def whole(self, name: str) -> int | None:
        """A number that is not negative; None where it did not come."""
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**19:
            return value
        raise invalid(name, "must be an integer")

    def flag(self, name: str) -> bool:
        return self._given.get(name) in (True, "true")

    def required(self, name: str) -> int:
        value = self.whole(name)
        if value is None:
            raise invalid(name, "value required")
        return value

    def channels(self) -> list[str]:
        """The list of a subscription."""
        value = self._given.get("channels")
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise invalid("channels", "must be a non-empty list of strings")
        return value
