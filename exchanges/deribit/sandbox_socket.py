"""Deribit's side of one WebSocket connection: calls, their errors and limits, login and heartbeats."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from exchanges.deribit.sandbox_channels import Channels
from exchanges.deribit.sandbox_parameters import Parameters, Wrong, call_of, invalid
from exchanges.invented import Channel, HangUp, Said

MOST_CHANNELS = 500  # in one call
MOST_BYTES = 32768  # of one frame
POOL, REFILL_PER_S = 50_000, 10_000  # credits
USUAL, SUBSCRIPTION = 500, 3_000  # credits of one call
LEAST_HEARTBEAT_S = 10
CLIENT = ("sandbox", "sandbox")  # the one pair of keys that is right
TOO_MANY = 10028

Answer = Callable[[str, Parameters], Any]


class Talk:
    """Fulfils exchanges.invented.Conversation. `answer` answers every call that HTTP knows too."""

    personal = False

    def __init__(self, channels: Channels, answer: Answer) -> None:
        self._channels = channels
        self._answer = answer
        self._names: dict[str, Channel] = {}
        self._thousandths, self._credits_ms = POOL * 1000, 0  # of a credit
        self._logged_in = False
        self._heartbeat_s: int | None = None
        self._beaten_ms = 0
        self._unanswered = False
        self.channels: Collection[Channel] = ()

    def opening(self, now_ms: int) -> Iterable[Said]:
        return ()

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        if len(frame) > MOST_BYTES:
            return (HangUp(1009, f"Message Too Big: limit {MOST_BYTES}B"),)
        number: Any = None
        try:
            call = call_of(frame)
            number = call.get("id")
            self._spend(call["method"], now_ms)
            return (_said(number, now_ms, result=self._result(call["method"], Parameters(call["params"]), now_ms)),)
        except Wrong as wrong:
            said = _said(number, now_ms, error=wrong.error)
            return (said, HangUp(1000, "too_many_requests")) if wrong.error["code"] == TOO_MANY else (said,)

    def control(self, now_ms: int) -> Iterable[Said]:
        return ()

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return frames

    def tick(self, now_ms: int) -> Iterable[Said]:
        """Heartbeats; who leaves a test request unanswered until the next one is dropped."""
        if self._heartbeat_s is None or now_ms - self._beaten_ms < self._heartbeat_s * 1000:
            return ()
        if self._unanswered:
            return (HangUp(1000, "heartbeat"),)
        self._beaten_ms, self._unanswered = now_ms, True
        return (_beat("heartbeat"), _beat("test_request"))

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return ()

    def _result(self, method: str, given: Parameters, now_ms: int) -> Any:
        match method:
            case "public/subscribe":
                return self._subscribe(given.channels())
            case "public/unsubscribe":
                return self._unsubscribe(given.channels())
            case "public/unsubscribe_all":
                self._unsubscribe(list(self._names))
                return "ok"
            case "public/set_heartbeat":
                return self._set_heartbeat(given.required("interval"), now_ms)
            case "public/disable_heartbeat":
                self._heartbeat_s = None
                return "ok"
            case "public/auth":
                return self._auth(given)
            case "public/test":
                self._unanswered = False
        return self._answer(method, given)

    def _subscribe(self, names: list[str]) -> list[str]:
        """What exists; the rest is left out without a word."""
        if len(names) > MOST_CHANNELS:
            raise invalid("channels", f"more than {MOST_CHANNELS} channels")
        if not self._logged_in and any(name.endswith(".raw") for name in names):
            raise Wrong(13778, "raw_subscriptions_not_available_for_unauthorized")
        found = {name: channel for name in names if (channel := self._channels.channel(name))}
        self._names |= found
        self.channels = tuple(self._names.values())
        return list(found)

    def _unsubscribe(self, names: list[str]) -> list[str]:
        gone = [name for name in names if self._names.pop(name, None)]
        self.channels = tuple(self._names.values())
        return gone

    def _set_heartbeat(self, interval_s: int, now_ms: int) -> str:
        if interval_s < LEAST_HEARTBEAT_S:
            raise invalid("interval", f"must be at least {LEAST_HEARTBEAT_S}")
        self._heartbeat_s, self._beaten_ms, self._unanswered = interval_s, now_ms, False
        return "ok"

    def _auth(self, given: Parameters) -> Mapping[str, Any]:
        if given.text("grant_type") != "client_credentials":
            raise invalid("grant_type", "not offered here")
        if (given.text("client_id"), given.text("client_secret")) != CLIENT:
            raise Wrong(13004, "invalid_credentials")
        self._logged_in = True
        token = {"access_token": "sandbox", "refresh_token": "sandbox", "token_type": "bearer"}
        return {**token, "expires_in": 31536000, "scope": "connection mainaccount"}

    def _spend(self, method: str, now_ms: int) -> None:
        """Counts one call."""
        passed_ms = now_ms - self._credits_ms if self._credits_ms else 0
        self._credits_ms = now_ms
        self._thousandths = min(POOL * 1000, self._thousandths + passed_ms * REFILL_PER_S)
        self._thousandths -= 1000 * (SUBSCRIPTION if method == "public/subscribe" else USUAL)
        if self._thousandths < 0:
            raise Wrong(TOO_MANY, "too_many_requests")


def _said(number: Any, now_ms: int, **said: Any) -> str:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, **said, **stamps(now_ms)}).decode()


def stamps(now_ms: int) -> dict[str, Any]:
    """When a call came and was answered, as every answer says."""
    return {"usIn": now_ms * 1000, "usOut": now_ms * 1000 + 500, "usDiff": 500, "testnet": False}


def _beat(kind: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})
