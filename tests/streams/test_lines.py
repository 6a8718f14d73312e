"""Each kind of event as a line for people's eyes."""

import pytest

from streams.lines import line
from streams.watch import exact

HEAD = '"topic":"binance.x.BTC-USDT","event_time":1795184320191,"received_time":1795184320193,"source":"live"'
CASES = [
    ('"trade","trade_id":"7","price":60775.850,"quantity":0.00000001,"side":"sell"', "sell 60775.850 × 0.00000001  7"),
    ('"trade","trade_id":"7","price":1,"quantity":2,"side":null', "-    1 × 2  7"),
    (
        '"ticker","last_price":3,"bid_price":1,"bid_quantity":2,"ask_price":null,"ask_quantity":null,"volume_24h":9',
        "last 3  bid 1 × 2  ask - × -  24 h volume 9",
    ),
    (
        '"depth","type":"snapshot","bids":[[4,1],[3,1],[2,1],[1,1]],"asks":[]',
        "snapshot  4×1 3×1 2×1 … | -  (4 bids, 0 asks)",
    ),
    ('"depth","type":"delta","bids":[[4,0]],"asks":[[5,1]]', "delta     4×0 | 5×1"),
    (
        '"candle","interval":"1m","open":1,"high":3,"low":0.5,"close":2,"volume":null,"closed":true',
        "1m open 1  high 3  low 0.5  close 2  volume -  closed",
    ),
    ('"status","status":"reconnecting","detail":"lost"', "reconnecting: lost"),
    ('"gap","reason":"disconnect","repair":"pending"', "gap: disconnect, repair pending"),
    ('"repaired","count":3,"complete":false', "repaired: 3 events, not all"),
    ('"lagged","dropped":3', "lagged: 3 events were not sent to this client"),
]


@pytest.mark.parametrize(("members", "told"), CASES)
def test_an_event_is_told_with_its_digits_as_sent(members: str, told: str) -> None:
    event = exact(f'{{"event":{members},{HEAD}}}')
    assert line(event, colour=False) == f"14:18:40.191  binance.x.BTC-USDT  {told}"
    assert "\x1b[" in line(event, colour=True)


def test_an_event_that_is_not_known_here_is_told_too() -> None:
    told = line(exact('{"event":"notice","notice":"restarting","received_time":1795184320193}'), colour=False)
    assert told == "14:18:40.193  -  notice notice restarting"
