"""What a broken connection may bring, and whether what a feed makes of it is sound; for the property tests of feeds."""

import contextlib
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from exchanges.contract import Output, Rest
from exchanges.encoder import event_text
from exchanges.errors import ExchangeError
from exchanges.events import Event, Rejected
from exchanges.symbols import Instrument

HERE = Path(__file__).parent
INSERTED = ["", "0", "-", "9" * 30, '"', "e5", "null", "[", "}", "NaN", "1e999", "\ud800", "\n"]

anything = st.one_of(st.binary(max_size=200), st.text(max_size=200))


def steps_of(exchange: str) -> list[dict[str, Any]]:
    """Every step of the exchange's cases."""
    files = sorted((HERE / exchange / "cases").glob("*.json"))
    return [step for file in files for case in json.loads(file.read_text()) for step in case["steps"]]


def frames_of(exchange: str) -> list[str]:
    """Every frame of the exchange's cases."""
    return [json.dumps(step["frame"], ensure_ascii=False) for step in steps_of(exchange) if "frame" in step]


def answers_of(exchange: str) -> tuple[list[str], list[str]]:
    """Every target of a request in the exchange's cases, and every answer."""
    answered = [step for step in steps_of(exchange) if "answer" in step]
    return sorted({step["to"] for step in answered}), [json.dumps(step["answer"]) for step in answered]


def read_by_all(rest: Rest, said: str | bytes, market: Instrument) -> None:
    """An answer through every reader of REST: nothing but our own errors may come of it."""
    body = said if isinstance(said, bytes) else said.encode(errors="surrogatepass")
    for read in (
        lambda: rest.read_instruments(body), lambda: rest.read_candles(body, market, "1m", 1),
        lambda: rest.read_trades(body, market, 1), lambda: rest.read_ticker(body, market, 1),
        lambda: rest.read_depth(body, market, 1), lambda: rest.read_error(200, {}, body),
    ):  # fmt: skip
        with contextlib.suppress(ExchangeError):
            read()


@st.composite
def mutated(draw: st.DrawFn, frames: list[str]) -> str:
    """One of the frames, truncated or with a part of it replaced."""
    frame = draw(st.sampled_from(frames))
    start = draw(st.integers(0, len(frame)))
    end = draw(st.integers(start, len(frame)))
    return frame[:start] + draw(st.sampled_from(INSERTED)) + (frame[end:] if draw(st.booleans()) else "")


def sound(outputs: Iterable[Output], exchange: str) -> bool:
    """Every event can be written and every number of it is finite; every rejection has words."""
    for output in outputs:
        if isinstance(output, Event):
            json.loads(event_text(output, exchange), parse_float=_finite, parse_int=int, parse_constant=_refused)
        elif isinstance(output, Rejected):
            assert output.reason and output.kind
            output.reason.encode()
    return True


def _finite(text: str) -> Decimal:
    assert Decimal(text).is_finite()
    return Decimal(text)


def _refused(text: str) -> None:
    raise AssertionError(f"{text} left the feed")
