"""Every adapter against its cases: inputs in the shapes the exchange documents, beside the outputs they must give.

A file is a list of {"case": sentence, "source": page, "instruments": [[symbol, venue symbol, base, quote]], "steps"}.
A step is one input ({"frame"}, {"text"}, {"answer", "to"}, {"failed", "to"}, {"wanted"} or {"tick"}) and its "gives".
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges import errors
from exchanges.contract import Close, Feed, Fetch, Output, Request, Send
from exchanges.encoder import event_text
from exchanges.events import Rejected
from exchanges.registry import card, cards
from exchanges.symbols import Instrument, Instruments

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/cases/*.json"))
START_MS = 1_790_000_001_000
STEP_MS = 10


def _cases() -> list[Any]:
    cases = []
    for file in FILES:
        exchange = file.parent.parent.name
        for case in json.loads(file.read_text(), parse_float=Decimal):
            cases.append(pytest.param(exchange, case, id=f"{exchange}: {case['case']}"))
    return cases


@pytest.mark.parametrize(("exchange", "case"), _cases())
def test_an_input_in_the_documented_shape_gives_the_outputs_beside_it(exchange: str, case: dict[str, Any]) -> None:
    assert case["source"].startswith("https://")
    feed = card(exchange).feed(Instruments(_instrument(row) for row in case.get("instruments", [])))
    for index, step in enumerate(case["steps"]):
        now_ms = step.get("at_ms", START_MS + index * STEP_MS)
        given = [_shown(output, exchange) for output in _put(feed, step, now_ms * 1_000_000)]
        assert given == step["gives"], f"step {index}: {json.dumps(given, default=str, ensure_ascii=False)}"


def test_every_exchange_has_cases_for_every_stream_it_offers() -> None:
    for exchange, known in cards().items():
        names = {file.stem for file in FILES if file.parent.parent.name == exchange}
        assert {stream.partition("_")[0] for stream in known.streams} <= names, exchange


def _instrument(row: list[str]) -> Instrument:
    symbol, venue_symbol, base, quote = row
    return Instrument(symbol=symbol, venue_symbol=venue_symbol, base=base, quote=quote, kind="spot")


def _put(feed: Feed, step: dict[str, Any], now_ns: int) -> Iterable[Output]:
    match step:
        case {"frame": frame}:
            return feed.receive(_json(frame), now_ns)
        case {"text": text}:
            return feed.receive(text, now_ns)
        case {"answer": body, "to": target}:
            return feed.answered(Request(target), _json(body).encode(), now_ns)
        case {"failed": error, "to": target}:
            return feed.failed(Request(target), getattr(errors, error)("as the case says"), now_ns)
        case {"wanted": wants}:
            return feed.wanted([(stream, symbol) for stream, symbol in wants])
        case {"tick": _}:
            return feed.tick(now_ns)
    raise AssertionError(f"no input: {step}")


def _shown(output: Output, exchange: str) -> Any:
    match output:
        case Send(text):
            return {"send": json.loads(text)}
        case Fetch(request):
            return {"fetch": request.target, "weight": request.weight}
        case Close(reason):
            return {"close": reason}
        case Rejected(_, kind):
            return {"rejected": kind}
    event = json.loads(event_text(output, exchange), parse_float=Decimal)
    assert event.pop("exchange") == exchange
    return {**event, **({"stream": output.stream} if event["event"] in ("depth", "gap", "status") else {})}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
