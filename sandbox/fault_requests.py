"""What `POST /faults` takes: one model per fault, and the words for what would do where a field makes no sense."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LONGEST_S = 86_400.0
Seconds = Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)]
Times = Annotated[int, Field(ge=1, le=1_000_000)]


class FaultRequest(BaseModel):
    """What every fault takes. A description says what would do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str
    exchange: str | None = Field(None, description="an exchange served here; all without one")
    after_s: Seconds = Field(0.0, description="seconds from now until it begins, 0 to 86400")


class TopicFault(FaultRequest):
    """A fault of streams; of connections, those that carry such a stream."""

    symbol: str | None = Field(None, description="a symbol such as BTC-USDT; all without one")
    stream: str | None = Field(
        None, pattern=r"^[a-z]+(_[0-9a-zM]+)*$", description="trade, depth, depth_5, ticker, candle, candle_1m, …"
    )


class Disconnect(TopicFault):
    """Drops connections without a close frame."""

    fault: Literal["disconnect"]
    count: Times | None = Field(None, description="how many connections, from 1; all without one")


class Silent(TopicFault):
    """Connections stay and nothing is sent on them; with symbol or stream, nothing of these."""

    fault: Literal["silent"]
    seconds: Seconds | None = Field(None, description="how long, 0 to 86400; until cleared without one")
    pings: bool = Field(True, description="true (pings and pongs go on) or false")
    newcomers: bool = Field(False, description="true (also connections made later) or false")
    forgets: bool = Field(False, description="true (who subscribes anew is heard again) or false")


class Skip(TopicFault):
    """Leaves frames out."""

    fault: Literal["skip"]
    count: Times = Field(1, description="how many frames, from 1")


class Duplicate(TopicFault):
    """Sends frames twice."""

    fault: Literal["duplicate"]
    count: Times = Field(1, description="how many frames, from 1")


class BrokenFrame(TopicFault):
    """Sends a broken frame before the right one, or in its place."""

    fault: Literal["broken_frame"]
    instead: bool = Field(False, description="true (the right one is not sent) or false")
    form: Literal["truncated", "binary", "unknown"] = Field("truncated", description="truncated, binary or unknown")
    count: Times = Field(1, description="how many frames, from 1")


class Checksum(TopicFault):
    """Sends frames with a checksum that is wrong, where they have one."""

    fault: Literal["checksum"]
    count: Times = Field(1, description="how many frames, from 1")


class Clock(FaultRequest):
    """The clock of all exchanges, and with it their market, is ahead or behind."""

    fault: Literal["clock"]
    exchange: None = Field(None, description="nothing: they have one clock")
    ahead_s: Annotated[float, Field(ge=-LONGEST_S, le=LONGEST_S, allow_inf_nan=False)] = Field(
        description="seconds, -86400 to 86400"
    )
    seconds: Seconds | None = Field(None, description="how long, 0 to 86400; until cleared without one")


class RestFault(FaultRequest):
    """A fault of REST requests: a number of them, or all for a time; one without either."""

    path: str | None = Field(None, description="how the exchange's own path begins, such as /api/v3/depth; all without")
    count: Times | None = Field(None, description="how many requests, from 1")
    seconds: Seconds | None = Field(None, description="how long, 0 to 86400")


class Status(RestFault):
    """Answers with an error status."""

    fault: Literal["status"]
    status: Literal[400, 401, 403, 418, 429, 451, 500, 502, 503, 504] = Field(
        description="403, 418, 429, 451, 500, 502, 503, 504, 400 or 401"
    )
    retry_after_s: Annotated[int, Field(ge=0, le=int(LONGEST_S))] | None = Field(
        None, description="whole seconds of the Retry-After header, 0 to 86400; with 418 and 429, 1 without one"
    )


class Quota(RestFault):
    """Answers as where the quota of the day or month is spent."""

    fault: Literal["quota"]


class Delist(FaultRequest):
    """Takes a market off the list, and drops all connections; until cleared, when it does so once more."""

    fault: Literal["delist"]
    symbol: str = Field(description="a symbol such as BTC-USDT")


class Slow(RestFault):
    """Answers late."""

    fault: Literal["slow"]
    delay_s: Seconds = Field(description="seconds before the answer, 0 to 86400")


class Shutdown(FaultRequest):
    """Says what the exchange says before a shutdown, then closes all connections."""

    fault: Literal["shutdown"]
    delay_s: Seconds = Field(1.0, description="seconds between the words and the close, 0 to 86400")


class RefuseConnections(FaultRequest):
    """Refuses WebSocket handshakes."""

    fault: Literal["refuse_connections"]
    status: Literal[403, 418, 429, 451, 500, 502, 503, 504] = Field(503, description="403, 418, 429, 451, 500 to 504")
    count: Times | None = Field(None, description="how many handshakes, from 1")
    seconds: Seconds | None = Field(None, description="how long, 0 to 86400")


AnyFault = (
    Disconnect | Silent | Skip | Duplicate | BrokenFrame | Checksum | Clock
    | Status | Quota | Delist | Slow | Shutdown | RefuseConnections
)  # fmt: skip
MODELS: dict[str, type[FaultRequest]] = {
    model.model_fields["fault"].annotation.__args__[0]: model  # type: ignore[union-attr]
    for model in AnyFault.__args__
}
_adapter: TypeAdapter[AnyFault] = TypeAdapter(Annotated[AnyFault, Field(discriminator="fault")])


class Refusal(Exception):
    """A request that makes no sense: the field, what came, and what would do."""

    def __init__(self, field: str, came: Any, would_do: str) -> None:
        super().__init__(f"{field}: {came!r} came; {would_do} would do")
        self.field, self.came, self.would_do = field, came, would_do


def read(body: bytes) -> AnyFault:
    """Refusal where the body is not one of the faults."""
    try:
        return _adapter.validate_json(body or b"{}")
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Refusal:
    """The first thing wrong, in words."""
    first = error.errors(include_url=False)[0]
    place, came = [str(part) for part in first["loc"]], first["input"]
    if not place:
        if first["type"].startswith("union_tag"):
            came = came.get("fault") if isinstance(came, dict) else came
            return Refusal("fault", came, "one of " + ", ".join(MODELS))
        return Refusal("body", _short(came), 'a JSON object such as {"fault": "disconnect"}')
    model, field = MODELS[place[0]], place[1]
    if first["type"] == "extra_forbidden":
        known = ", ".join(name for name in model.model_fields if name != "fault")
        return Refusal(field, _short(came), f"one of the fields {known}")
    return Refusal(
        field, None if first["type"] == "missing" else _short(came), model.model_fields[field].description or ""
    )


def _short(came: Any) -> Any:
    return came[:80] if isinstance(came, str | bytes) else came
