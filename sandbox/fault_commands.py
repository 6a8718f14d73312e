"""The commands at `/faults`: POST switches one on, GET lists them, DELETE clears one or all."""

import json
from collections.abc import Collection
from typing import Any

from exchanges.invented import HttpAnswer, HttpRequest
from exchanges.symbols import Instruments
from sandbox.fault_requests import AnyFault, Delist, Refusal, TopicFault, read
from sandbox.faults import Faults


class FaultCommands:
    def __init__(self, faults: Faults, exchanges: Collection[str], instruments: Instruments) -> None:
        self._faults = faults
        self._exchanges = exchanges
        self._instruments = instruments

    def answer(self, request: HttpRequest) -> HttpAnswer:
        number = request.path.removeprefix("/faults").strip("/")
        if number and not number.isdigit():
            return _json(404, {"error": {"field": "id", "came": number, "would_do": "the id of a fault"}})
        match request.method:
            case "GET":
                return _json(200, {"faults": self._faults.records()})
            case "POST":
                return self._post(request.body)
            case "DELETE":
                found = self._faults.clear(int(number) if number else None)
                return _json(200 if found or not number else 404, {"faults": self._faults.records()})
        return _json(405, {"error": {"field": "method", "came": request.method, "would_do": "GET, POST or DELETE"}})

    def _post(self, body: bytes) -> HttpAnswer:
        try:
            fault = self._faults.post(self._checked(read(body)))
        except Refusal as refusal:
            error = {"field": refusal.field, "came": refusal.came, "would_do": refusal.would_do}
            return _json(422, {"error": error, "message": str(refusal)})
        return _json(201, fault.record())

    def _checked(self, asked: AnyFault) -> AnyFault:
        """The same with the symbol in our spelling; Refusal for an exchange or symbol that is not here."""
        if asked.exchange is not None and asked.exchange not in self._exchanges:
            raise Refusal("exchange", asked.exchange, "one of " + ", ".join(self._exchanges))
        if not isinstance(asked, TopicFault | Delist) or asked.symbol is None:
            return asked
        instrument = self._instruments.find(asked.symbol)
        if instrument is None:
            nearest = self._instruments.nearest(asked.symbol) or list(self._instruments.by_symbol)[:3]
            raise Refusal("symbol", asked.symbol, " or ".join(nearest))
        return asked.model_copy(update={"symbol": instrument.symbol})


def _json(status: int, answer: Any) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(answer, ensure_ascii=False, default=repr).encode() + b"\n")
