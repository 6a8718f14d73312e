"""What REST takes: queries and bodies, as models that refuse what they do not know."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from exchanges.encoder import NumbersAs
from exchanges.symbols import Kind, SymbolStatus
from marketdata import times
from marketdata.problems import Problem, listed, one_of

T = TypeVar("T", bound="Asked")

Code = Annotated[str, Field(min_length=1, max_length=32)]
Market = Annotated[str, Field(min_length=1, max_length=100)]
Asset = Annotated[str, Field(min_length=1, max_length=50)]
IntervalCode = Annotated[str, Field(min_length=1, max_length=4)]
TimeMs = Annotated[int, BeforeValidator(lambda value: times.parsed_ms(str(value)))]
Cursor = Annotated[str, Field(max_length=500)]

AN_EXCHANGE = "an exchange code such as binance"
A_MARKET = "a market in any spelling such as BTC-USDT, btc/usdt, BTCUSDT"
AN_ASSET = "an asset such as BTC"
AN_INTERVAL = "an interval such as 1m, 1h, 1d"
STATES = Literal["waiting", "running", "done", "stopped", "failed"]


def would_do(words: str, default: Any = None) -> Any:
    """An optional field; the words say what may stand in it, for refusals and for the API's description alike."""
    return Field(default, description=words)


def limit(default: int, most: int) -> Any:
    return Field(default, ge=1, le=most, description=f"a whole number from 1 to {most}")


class Asked(BaseModel):
    """What every endpoint takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(Asked):
    """What every reading endpoint takes."""

    numbers: NumbersAs = would_do("number or text, for how exact numbers are written", "number")
    format: str | None = would_do("a name of a format; without it, Accept decides")


class PageQuery(Query):
    """What every endpoint with pages takes."""

    cursor: Cursor | None = would_do("what stands in the `next` of the page before")
    limit: int = limit(100, 1000)


class IntervalQuery(Query):
    exchange: Code | None = would_do(AN_EXCHANGE)


class SymbolQuery(PageQuery):
    exchange: Code | None = would_do(AN_EXCHANGE)
    base: Asset | None = would_do(AN_ASSET)
    quote: Asset | None = would_do(AN_ASSET)
    kind: Kind | None = would_do(listed(get_args(Kind)))
    status: SymbolStatus | None = would_do(listed(get_args(SymbolStatus)))
    search: Market | None = would_do("a part of the symbol, in our spelling or the exchange's")


class CandleQuery(PageQuery):
    exchange: Code = would_do(AN_EXCHANGE, "binance")
    symbol: Market = Field(description=A_MARKET)
    interval: IntervalCode = Field(description=AN_INTERVAL)
    start: TimeMs | None = would_do(f"{times.WOULD_DO}; without it, the newest `limit` intervals")
    end: TimeMs | None = would_do(f"{times.WOULD_DO}; not included; without it, now")
    order: Literal["asc", "desc"] = would_do("asc or desc, by opening time", "asc")
    limit: int = limit(1000, 10_000)


class BackfillQuery(PageQuery):
    exchange: Code | None = would_do(AN_EXCHANGE)
    state: STATES | None = would_do(listed(get_args(STATES)))


class BackfillBody(Asked):
    exchange: Code = would_do(AN_EXCHANGE, "binance")
    symbol: Market = Field(description=A_MARKET)
    interval: IntervalCode = Field(description=AN_INTERVAL)
    start: TimeMs = Field(description=times.WOULD_DO)
    end: TimeMs | None = would_do(f"{times.WOULD_DO}; without it, now")


def query(model: type[T], given: QueryDict) -> T:
    """The query as the model; Problem for what it does not know or what comes twice."""
    for name, values in given.lists():
        if len(values) > 1:
            raise Problem("bad_request", f"{name}: {len(values)} values came; one would do.", name)
    return read(model, given.dict())


def read(model: type[T], given: Any) -> T:
    """A body or query as the model; Problem about the first thing that is wrong."""
    if not isinstance(given, Mapping):
        raise Problem("bad_request", f"{type(given).__name__} came; a JSON object would do.")
    for name, value in given.items():  # a store takes neither NUL nor half a character
        if isinstance(value, str) and not value.isprintable():
            raise Problem("bad_request", f"{name}: {_shown(value)} came; text that can be printed would do.", name)
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _problem(model, error) from None


def parameters(model: type[Query]) -> list[OpenApiParameter]:
    """The query as the API's description shows it."""
    shown = model.model_json_schema()["properties"]
    return [
        OpenApiParameter(
            name,
            _type(shown[name]),
            required=field.is_required(),
            description=field.description or "",
            enum=_words(shown[name]),
            default=None if field.is_required() else field.default,
        )
        for name, field in model.model_fields.items()
        if name != "format"  # said by the answer's media types
    ]


def _problem(model: type[Asked], error: ValidationError) -> Problem:
    # A name that is not known explains a name that is missing.
    first = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")[0]
    name, came = str(first["loc"][0]), first["input"]
    if first["type"] == "extra_forbidden":
        return Problem("bad_request", f"{name} is not known here; {one_of(model.model_fields, name)} would do.", name)
    would = (model.model_fields[name].description or "").partition(";")[0]
    if first["type"] == "missing":
        return Problem("bad_request", f"{name} is missing; {would} would do.", name)
    return Problem("bad_request", f"{name}: {_shown(came)} came; {would} would do.", name)


def _shown(came: Any) -> str:
    text = repr(came)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _type(shown: dict[str, Any]) -> Any:
    kinds = {part.get("type") for part in (shown, *shown.get("anyOf", ()))} - {None, "null"}
    return {"integer": int}.get(next(iter(kinds), "string"), str)


def _words(shown: dict[str, Any]) -> list[str] | None:
    return next((part["enum"] for part in (shown, *shown.get("anyOf", ())) if "enum" in part), None)
