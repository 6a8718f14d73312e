"""The one trade that clients of the fanout benchmark get over and over."""

import json

GROUP = "trades"  # of the textbook consumers
TOPIC = "binance.trade.BTC-USDT"
EVENT = {
    "event": "trade",
    "topic": TOPIC,
    "exchange": "binance",
    "symbol": "BTC-USDT",
    "venue_symbol": "BTCUSDT",
    "event_time": 1790000000125,
    "received_time": 1790000000130,
    "epoch": 1790000000000,
    "seq": 123456,
    "source": "live",
    "trade_id": "5201234567",
    "price": "84143.01",  # text: a float would have no place here, and would cost the peer more
    "quantity": "0.0012",
    "side": "buy",
    "trade_time": 1790000000124,
}
TEXT = json.dumps(EVENT, separators=(",", ":"))
SPACED_TEXT = json.dumps(EVENT)  # as `send_json` writes it
