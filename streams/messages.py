"""What a client may send on `/stream/` and what is replied: every refusal names the field, what came, what would do."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from exchanges.symbols import Topic
from marketdata.api_keys import hidden
from streams.position import Position

MOST_TOPICS = 1_000  # in one request
MOST_BYTES = 256 * 1024  # of one message

Code = Literal[
    "bad_request",
    "unknown_exchange",
    "unknown_pair",
    "unknown_stream",
    "not_supported",
    "not_authenticated",
    "too_many_subscriptions",
    "rate_limited",
    "unavailable",
]
Id = int | Annotated[str, StringConstraints(max_length=100)] | None
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Refused(Exception):
    """A request that is not carried out: the code of the contract, and a sentence."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Asked(BaseModel):
    """What every request is: `cost` is what it takes of the client's requests a second."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def cost(self) -> int:
        return 1


class At(BaseModel):
    """The position of an event: those after it are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epoch: Annotated[int, Field(ge=0, lt=2**63)]
    seq: Annotated[int, Field(ge=0, lt=2**63)]


class Selection(_Asked):
    """What a subscribe or unsubscribe is about: one pair's stream, or topics."""

    action: Literal["subscribe", "unsubscribe"]
    exchange: Name = "binance"
    pair: Name | None = None
    stream: Name | None = None
    topics: Annotated[list[Name], Field(min_length=1, max_length=MOST_TOPICS)] | None = None
    after: At | dict[Name, At] | None = Field(None, alias="from")
    id: Id = None

    @model_validator(mode="after")
    def _either(self) -> "Selection":
        if self.topics is not None and (self.pair or self.stream or "exchange" in self.model_fields_set):
            raise ValueError("give either `topics`, or `pair` and `stream` (with `exchange`), not both")
        if self.topics is None and not (self.pair and self.stream):
            missing = "pair" if not self.pair else "stream"
            raise ValueError(f"`{missing}` is missing: give `pair` and `stream`, or `topics`")
        if self.after is not None and self.action != "subscribe":
            raise ValueError("`from` belongs to a subscribe request")
        if isinstance(self.after, At) and len(self.labels()) > 1:
            raise ValueError("`from` is one position for several topics: an object of topic to position would do")
        if isinstance(self.after, dict) and (unknown := self.after.keys() - set(self.labels())):
            raise ValueError(f"`from` names {min(unknown)!r}, which `topics` does not")
        return self

    def position(self, label: str) -> Position | None:
        """After which the topic is to go on, where the client said so."""
        at = self.after.get(label) if isinstance(self.after, dict) else self.after
        return Position(at.epoch, at.seq) if at else None

    @property
    def cost(self) -> int:
        return len(self.labels())

    def labels(self) -> list[str]:
        """How each topic asked for is named in its reply."""
        return self.topics if self.topics is not None else [f"{self.pair}-{self.stream}"]

    def asked(self, label: str) -> Topic:
        """Exchange, stream and pair as the client wrote them; Refused where a topic has no three parts."""
        if self.topics is not None:
            return _topic(label)
        return Topic(self.exchange, str(self.stream), str(self.pair))


class Plain(_Asked):
    """A request without parameters."""

    action: Literal["list", "ping"]
    id: Id = None


class Authenticate(_Asked):
    """A token or an API key, on a connection that brought none."""

    action: Literal["authenticate"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=8_000)]
    id: Id = None


Request = Selection | Plain | Authenticate
_request: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="action")])
ACTIONS = ("subscribe", "unsubscribe", "list", "ping", "authenticate")


def read(text: str | None) -> Request:
    """The request in a frame; Refused where there is none. A binary frame has no text."""
    if text is None:
        raise Refused("bad_request", "a binary frame came; requests are text frames of JSON")
    if len(text) > MOST_BYTES:
        raise Refused("bad_request", f"a message of {len(text)} characters came; at most {MOST_BYTES} would do")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("bad_request", f"not JSON ({error}): {_shown(text)} came") from None
    if not isinstance(given, dict):
        raise Refused("bad_request", f"a JSON object would do; {_shown(text)} came")
    if given.get("action") not in ACTIONS:
        raise Refused("bad_request", f"action: {_shown(given.get('action'))} came; {', '.join(ACTIONS)} would do")
    try:
        return _request.validate_python(given)
    except ValidationError as error:
        raise Refused("bad_request", _sentence(error, given)) from None


def named(text: str | None) -> tuple[str, Any]:
    """Action and id of a request that could not be read, where it has such as can be given back."""
    try:
        given = msgspec.json.decode(text or "")
        action, found = given.get("action"), given.get("id")
    except (msgspec.DecodeError, AttributeError, RecursionError):
        return "error", None
    returnable = isinstance(found, str | int) and len(str(found)) <= 100
    return action if action in ACTIONS else "error", found if returnable else None


def reply(action: str, request_id: Any, error: Refused | None = None, **members: Any) -> dict[str, Any]:
    """The message that answers a request: `result`, and where it is false, why."""
    said: dict[str, Any] = {"action": action, **members, "result": error is None}
    if error is not None:
        said["error"] = {"code": error.code, "message": str(error)}
    if request_id is not None:
        said["id"] = request_id
    return text_message(said)


def text_message(said: dict[str, Any]) -> dict[str, Any]:
    """The ASGI message that carries a JSON object; no API key, should what came be repeated in it."""
    return {"type": "websocket.send", "text": hidden(msgspec.json.encode(said).decode())}


def _topic(text: str) -> Topic:
    try:
        return Topic.parse(text)
    except ValueError:
        raise Refused("bad_request", f"topics: {_shown(text)} came; <exchange>.<stream>.<symbol> would do") from None


def _sentence(error: ValidationError, given: dict[str, Any]) -> str:
    first = error.errors()[0]
    path: Sequence[Any] = [part for part in first["loc"] if part not in ACTIONS]
    if not path:
        return first["msg"].removeprefix("Value error, ")
    field = ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        return f"{field}: there is no such field in a {given['action']} request"
    return f"{field}: {_shown(first.get('input'))} came: {first['msg']}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f"{text[:80]!r}{'…' if len(text) > 80 else ''}"
