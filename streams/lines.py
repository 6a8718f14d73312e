"""One event as a line for people's eyes; numbers stand as they were sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]

RESET, DIM, BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
RED, GREEN, YELLOW, CYAN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"
SIDES = {"buy": GREEN, "sell": RED}


def line(event: Event, colour: bool) -> str:
    """`12:00:01.123  binance.trade.BTC-USDT  …`, the time being the exchange's where it sends one."""
    paint = _painted if colour else _plain
    told = DESCRIBED.get(event["event"], _other)(event, paint)
    return f"{paint(_time(event), DIM)}  {paint(event.get('topic') or '-', CYAN)}  {told}"


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{RESET}"


def _plain(text: str, colour: str) -> str:
    return text


def _time(event: Event) -> str:
    at_ms = event.get("event_time") or event.get("received_time")
    if at_ms is None:
        return "--:--:--.---"
    seconds, ms = divmod(int(at_ms), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{ms:03}"


def _trade(event: Event, paint: Callable[[str, str], str]) -> str:
    side = event["side"] or "-"
    late = "" if event["source"] == "live" else paint(f"  {event['source']}", YELLOW)
    way, price, number = paint(f"{side:<4}", SIDES.get(side, DIM)), paint(event["price"], BOLD), event["trade_id"]
    return f"{way} {price} × {event['quantity']}  {paint(number, DIM)}{late}"


def _ticker(event: Event, paint: Callable[[str, str], str]) -> str:
    last = paint(event["last_price"] or "-", BOLD)
    bid = paint(f"{event['bid_price'] or '-'} × {event['bid_quantity'] or '-'}", GREEN)
    ask = paint(f"{event['ask_price'] or '-'} × {event['ask_quantity'] or '-'}", RED)
    return f"last {last}  bid {bid}  ask {ask}  24 h volume {event['volume_24h'] or '-'}"


def _depth(event: Event, paint: Callable[[str, str], str]) -> str:
    bids, asks = event["bids"], event["asks"]
    if event["type"] == "delta":
        return f"delta     {_levels(bids, GREEN, paint)} | {_levels(asks, RED, paint)}"
    counts = paint(f"({len(bids)} bids, {len(asks)} asks)", DIM)
    return f"snapshot  {_levels(bids, GREEN, paint)} | {_levels(asks, RED, paint)}  {counts}"


def _levels(side: list[list[str]], colour: str, paint: Callable[[str, str], str]) -> str:
    shown = " ".join(f"{price}×{quantity}" for price, quantity in side[:3])
    return paint(shown + (" …" if len(side) > 3 else "") or "-", colour)


def _candle(event: Event, paint: Callable[[str, str], str]) -> str:
    figures = "  ".join(f"{name} {event[name] or '-'}" for name in ("open", "high", "low", "close", "volume"))
    return f"{event['interval']} {figures}" + (paint("  closed", BOLD) if event["closed"] else "")


def _status(event: Event, paint: Callable[[str, str], str]) -> str:
    detail = f": {event['detail']}" if event["detail"] else ""
    return paint(f"{event['status']}{detail}", GREEN if event["status"] == "live" else YELLOW)


def _gap(event: Event, paint: Callable[[str, str], str]) -> str:
    return paint(f"gap: {event['reason']}, repair {event['repair']}", RED)


def _repaired(event: Event, paint: Callable[[str, str], str]) -> str:
    return paint(f"repaired: {event['count']} events, {'complete' if event['complete'] else 'not all'}", YELLOW)


def _lagged(event: Event, paint: Callable[[str, str], str]) -> str:
    return paint(f"lagged: {event['dropped']} events were not sent to this client", RED)


def _other(event: Event, paint: Callable[[str, str], str]) -> str:
    known = ("event", "topic", "received_time")
    return paint(" ".join([event["event"], *(f"{k} {v}" for k, v in event.items() if k not in known)]), YELLOW)


DESCRIBED: dict[str, Callable[[Event, Callable[[str, str], str]], str]] = {
    "trade": _trade,
    "ticker": _ticker,
    "depth": _depth,
    "candle": _candle,
    "status": _status,
    "gap": _gap,
    "repaired": _repaired,
    "lagged": _lagged,
}
