"""Alpaca's sandbox: paging, login, the complete lists, numbered errors, and its limit a minute."""

import json
from typing import Any

import pytest

from exchanges.alpaca.sandbox import Sandbox
from exchanges.intervals import MINUTE_MS
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
HEADERS = {"apca-api-key-id": "key", "apca-api-secret-key": "secret"}
CRYPTO = "/v1beta3/crypto/us"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 5, lambda: NOW_MS))


def ask(
    sandbox: Sandbox, path: str, headers: dict[str, str] = HEADERS, method: str = "GET", **query: str
) -> HttpAnswer:
    return sandbox.answer(HttpRequest(method, path, query, headers, client="one", now_ms=NOW_MS))


def get(sandbox: Sandbox, path: str, **query: str) -> Any:
    found = ask(sandbox, path, **query)
    assert found.status == 200, found
    return json.loads(found.body)


def talk(sandbox: Sandbox, path: str = CRYPTO, headers: dict[str, str] | None = None) -> Any:
    conversation = sandbox.connect(HttpRequest("GET", path, {}, headers or {}, now_ms=NOW_MS))
    assert not isinstance(conversation, HttpAnswer)
    return conversation


def say(conversation: Any, said: Any) -> list[Any]:
    frame = said if isinstance(said, str | bytes) else json.dumps(said)
    return [json.loads(one)[0] for one in conversation.receive(frame, NOW_MS)]


def test_pages_follow_their_tokens_until_none_is_left_in_both_directions(sandbox: Sandbox):
    for path, name in ((f"{CRYPTO}/bars", "bars"), (f"{CRYPTO}/trades", "trades")):
        for sort in ("asc", "desc"):
            asked = {"symbols": "BTC/USD", "timeframe": "1Min", "sort": sort,
                     "start": "2026-11-18T11:00:00Z", "end": "2026-11-18T11:06:30Z"}  # fmt: skip
            whole = get(sandbox, path, limit="10000", **asked)
            assert whole["next_page_token"] is None
            rows: list[Any] = []
            page = get(sandbox, path, limit="3", **asked)
            for _ in range(200):
                rows += page[name]["BTC/USD"]
                if page["next_page_token"] is None or len(rows) > 40:
                    break
                page = get(sandbox, path, limit="3", page_token=page["next_page_token"], **asked)
            assert rows == whole[name]["BTC/USD"][: len(rows)] and len(rows) >= 7


def test_a_share_has_the_same_trades_and_days_of_new_york(sandbox: Sandbox):
    days = get(sandbox, "/v2/stocks/AAPL/bars", timeframe="1Day", start="2026-11-10", sort="desc", limit="2")["bars"]
    assert [day["t"] for day in days] == ["2026-11-18T05:00:00.000Z", "2026-11-17T05:00:00.000Z"]
    snapshot = get(sandbox, "/v2/stocks/snapshots", symbols="AAPL")["AAPL"]
    pair = get(sandbox, f"{CRYPTO}/snapshots", symbols="BTC/USD")["snapshots"]["BTC/USD"]
    assert snapshot["latestTrade"]["p"] == pair["latestTrade"]["p"] and snapshot["latestTrade"]["x"] == "V"
    assert get(sandbox, "/v2/stocks/AAPL/snapshot")["symbol"] == "AAPL"


def test_refusals(sandbox: Sandbox):
    def status(path: str, headers: dict[str, str] = HEADERS, **query: str) -> int:
        return ask(sandbox, path, headers, **query).status

    assert status("/v2/stocks/AAPL/trades", {}) == status("/v2/clock", {}) == 401
    assert status("/v2/assets", {**HEADERS, "apca-api-key-id": "wrong"}) == 401
    assert status("/v2/assets", {}) == 200
    sip = ask(sandbox, "/v2/stocks/AAPL/trades", feed="sip")
    assert (sip.status, json.loads(sip.body)["code"]) == (403, 42210000)
    bars = f"{CRYPTO}/bars"
    for query in (
        {}, {"symbols": "NOPE/USD"}, {"symbols": "AAPL"}, {"symbols": "BTC/USD", "timeframe": "7x"},
        {"symbols": "BTC/USD", "timeframe": "1Min", "limit": "0"},
        {"symbols": "BTC/USD", "timeframe": "1T", "start": "x"},
        {"symbols": "BTC/USD", "timeframe": "1T", "page_token": "?"},
    ):  # fmt: skip
        assert status(bars, **query) == 400, query
    assert status("/v1beta3/crypto/eu-1/bars", symbols="BTC/USD") == 400
    assert status("/nowhere") == status(f"{CRYPTO}/nowhere", symbols="BTC/USD") == 404
    assert ask(sandbox, "/v2/assets", method="POST").status == 404


def test_the_limit_is_200_a_minute_and_the_headers_say_so(sandbox: Sandbox):
    answers = [ask(sandbox, "/v2/assets") for _ in range(201)]
    assert [answer.status for answer in answers] == [200] * 200 + [429]
    assert answers[0].headers["x-ratelimit-remaining"] == "199" and "retry-after" in answers[-1].headers


def test_a_connection_wants_a_login_within_ten_seconds(sandbox: Sandbox):
    line = talk(sandbox)
    assert [json.loads(one)[0]["msg"] for one in line.opening(NOW_MS)] == ["connected"]
    assert say(line, {"action": "subscribe", "trades": ["BTC/USD"]})[0]["code"] == 401
    assert say(line, {"action": "auth", "key": "wrong", "secret": "x"})[0]["code"] == 402
    late = list(line.tick(NOW_MS + 10_000))
    assert json.loads(late[0])[0]["code"] == 404 and isinstance(late[1], HangUp)
    assert say(line, {"action": "auth", "key": "key", "secret": "x"}) == [{"T": "success", "msg": "authenticated"}]
    assert say(line, {"action": "auth", "key": "key", "secret": "x"})[0]["code"] == 403
    assert list(line.tick(NOW_MS + 20_000)) == []
    assert len(list(talk(sandbox, headers=HEADERS).opening(NOW_MS))) == 2


def test_the_answer_is_the_complete_list_without_what_is_unknown(sandbox: Sandbox):
    line = talk(sandbox, headers=HEADERS)
    say(line, {"action": "subscribe", "trades": ["BTC/USD"]})
    [said] = say(line, {"action": "subscribe", "orderbooks": ["BTC/USD", "NOPE/USD"]})
    assert (said["trades"], said["orderbooks"], said["bars"]) == (["BTC/USD"], ["BTC/USD"], [])
    [said] = say(line, {"action": "unsubscribe", "trades": ["BTC/USD"]})
    assert said["trades"] == [] and [channel.stream for channel in line.channels] == ["depth"]
    for wrong in (
        "x", b"\xff", "[]", {"action": "jump"},
        {"action": "subscribe", "nothing": ["BTC/USD"]},
                  {"action": "subscribe", "trades": ["btc"]},
        {"action": "subscribe", "trades": "BTC/USD"}):  # fmt: skip
        assert say(line, wrong)[0]["code"] == 400, wrong
    share = talk(sandbox, "/v2/iex", HEADERS)
    assert say(share, {"action": "subscribe", "orderbooks": ["AAPL"]})[0]["code"] == 410
    assert say(share, {"action": "subscribe", "bars": ["*"]})[0]["bars"]
    assert isinstance(sandbox.connect(HttpRequest("GET", "/v2/sip", {}, now_ms=NOW_MS)), HttpAnswer)


def test_a_symbol_too_many_leaves_what_there_is():
    sandbox = Sandbox(Market(1, 200, 40, lambda: NOW_MS))
    line = talk(sandbox, headers=HEADERS)
    assert say(line, {"action": "subscribe", "trades": ["BTC/USD"]})[0]["trades"] == ["BTC/USD"]
    assert say(line, {"action": "subscribe", "quotes": ["*"]})[0]["code"] == 405
    assert len(line.channels) == 1


def test_a_book_begins_whole_and_its_changes_lead_to_the_next_whole_one(sandbox: Sandbox):
    line = talk(sandbox, headers=HEADERS)
    say(line, {"action": "subscribe", "orderbooks": ["BTC/USD"]})
    [channel] = line.channels
    start_ms = NOW_MS - 20_000
    [first] = [json.loads(one)[0] for one in sandbox.first(channel, start_ms)]
    assert first["r"] is True
    book = {side: {row["p"]: row["s"] for row in first[side]} for side in "ab"}
    for after_ms in range(start_ms, NOW_MS, 100):
        for frame in sandbox.frames(channel, after_ms, min(after_ms + 100, NOW_MS)):
            [row] = json.loads(frame)
            for side in "ab":
                book[side] |= {level["p"]: level["s"] for level in row[side]}
    [whole] = [json.loads(one)[0] for one in sandbox.first(channel, NOW_MS)]
    best = sorted((price for price, size in book["b"].items() if size), reverse=True)[:20]
    assert best == [row["p"] for row in whole["b"]][:20]


def test_each_channel_says_its_rows(sandbox: Sandbox):
    line = talk(sandbox, headers=HEADERS)
    kinds = ["trades", "quotes", "bars", "updatedBars", "dailyBars"]
    say(line, {"action": "subscribe", **{kind: ["BTC/USD"] for kind in kinds}})
    minute_ms = NOW_MS - NOW_MS % MINUTE_MS
    letters = []
    for channel in line.channels:
        frames = [json.loads(one)[0] for one in sandbox.frames(channel, minute_ms - 500, minute_ms + 500)]
        letters.append({frame["T"] for frame in frames})
        if channel.name.startswith("bars"):
            assert len(frames) == 1 and frames[0]["n"] > 0
    assert letters == [{"t"}, {"q"}, {"b"}, set(), {"d"}]
