"""Topics with `*` in any part, which stands for any letters: understood, expanded, refused with what they would have
matched; pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from exchanges.contract import Card
from exchanges.symbols import Instrument, Instruments, Topic, folded
from streams import resolve
from streams.messages import Refused

WILD = "*"
SEPARATED = re.compile(r"([*-])")
ASKED_ABOUT = 3  # exchanges whose nearest markets are named

Markets = Callable[[str], Instruments]  # an exchange's code -> its markets


def understood(text: str, cards: Mapping[str, Card], markets: Markets) -> str:
    """The one spelling of a topic or pattern that is offered and listed; Refused where nothing is."""
    asked = _parts(text)
    if WILD not in text:
        card = resolve.card(cards, asked.exchange)
        return str(resolve.topic(card, markets(card.code), asked.stream, asked.symbol))
    asked = _spelled(asked)
    offering = _offering(asked.stream, _matching(asked.exchange, cards))
    symbol = _listed(asked, offering, markets) if WILD in asked.symbol else _named(asked, offering, markets)
    return str(asked._replace(symbol=symbol))


def may_be_listed(text: str, cards: Mapping[str, Card], markets: Markets) -> bool:
    """False of a topic whose market is not; of a pattern that is not looked at."""
    asked = _parts(text)
    code = asked.exchange.lower()
    return WILD in text or (code in cards and markets(code).find(asked.symbol) is not None)


def as_written(text: str) -> str:
    """The spelling of what need not be offered or listed any more, as of a signal that is to end."""
    asked = _parts(text)
    return str(_spelled(asked) if WILD in text else asked._replace(exchange=asked.exchange.lower()))


def expanded(pattern: str, card: Card, markets: Instruments) -> Iterator[str]:
    """The topics of one exchange that the pattern means now: of what trades, in the order of streams and of listing.
    A plain topic is itself, whether its market is listed or not."""
    asked = Topic.parse(pattern)
    if WILD not in pattern:
        yield from [pattern] if asked.exchange == card.code else []
        return
    streams = [stream for stream in card.stream_names() if fits(asked.stream, stream)]
    if streams and fits(asked.exchange, card.code):
        symbols = [one.symbol for one in _trading(asked.symbol, markets)]
        yield from (str(Topic(card.code, stream, symbol)) for stream in streams for symbol in symbols)


def fits(pattern: str, text: str) -> bool:
    """Whether the letters between the stars stand in the text, in their order. Linear: no pattern takes long."""
    first, *middle = pattern.split(WILD)
    if not middle:
        return text == pattern
    last = middle.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _parts(text: str) -> Topic:
    try:
        asked = Topic.parse(text)
    except ValueError:
        raise Refused("bad_request", f"{text[:80]!r} came; <exchange>.<stream>.<symbol> would do") from None
    if asked.replay:
        raise Refused("bad_request", f"{text[:80]!r} came, which is a replay's; {asked.original} would do")
    return asked


def _spelled(asked: Topic) -> Topic:
    """One spelling of a pattern; a part with letters alone is a symbol yet to be found."""
    symbol = asked.symbol.replace("/", "-").upper() if WILD in asked.symbol else asked.symbol
    once = [_once(part) for part in (asked.exchange.lower(), asked.stream.lower(), symbol)]
    return Topic(*once)


def _once(text: str) -> str:
    while WILD * 2 in text:
        text = text.replace(WILD * 2, WILD)
    return text


def _matching(asked: str, cards: Mapping[str, Card]) -> Sequence[Card]:
    if WILD not in asked:
        return [resolve.card(cards, asked)]
    found = [card for code, card in cards.items() if fits(asked, code)]
    if not found:
        near = _near(asked, cards) or ", ".join(cards)
        raise Refused("unknown_exchange", f"exchange: {asked[:80]!r} matches none; nearest: {near}")
    return found


def _offering(asked: str, found: Sequence[Card]) -> Sequence[Card]:
    offering = [card for card in found if any(fits(asked, stream) for stream in card.stream_names())]
    if offering:
        return offering
    if WILD not in asked and len(found) == 1:
        resolve.stream(found[0], asked)
    offered = list(dict.fromkeys(stream for card in found for stream in card.stream_names()))
    near = _near(asked, offered) or ", ".join(offered)
    codes = ", ".join(card.code for card in found)
    raise Refused("unknown_stream", f"stream: {asked[:80]!r} matches none of {codes}; nearest: {near}")


def _named(asked: Topic, offering: Sequence[Card], markets: Markets) -> str:
    """A symbol in any spelling; where several exchanges are meant it is ours, since theirs may mean another market."""
    if WILD not in asked.exchange:
        [card] = offering
        return resolve.market(markets(card.code), card, asked.symbol).symbol
    wanted = folded(asked.symbol)
    for card in offering:
        for symbol in markets(card.code).by_symbol:
            if folded(symbol) == wanted:
                return symbol
    raise _unlisted(asked.symbol, offering, markets)


def _listed(asked: Topic, offering: Sequence[Card], markets: Markets) -> str:
    if any(_trading(asked.symbol, markets(card.code)) for card in offering):
        return asked.symbol
    raise _unlisted(asked.symbol, offering, markets)


def _trading(asked: str, markets: Instruments) -> list[Instrument]:
    if WILD not in asked:
        found = markets.by_symbol.get(asked)
        return [found] if found and found.status == "trading" else []
    wanted, all_of_them = asked.casefold(), markets.by_symbol.values()
    return [one for one in all_of_them if one.status == "trading" and fits(wanted, one.symbol.casefold())]


def _unlisted(asked: str, offering: Sequence[Card], markets: Markets) -> Refused:
    known = [card.code for card in offering if len(markets(card.code))]
    if not known:
        codes = ", ".join(card.code for card in offering)
        return Refused("unavailable", f"the markets of {codes} are not known yet; try again in a few seconds")
    near = {code: _nearest(asked, markets(code)) for code in known[:ASKED_ABOUT]}
    named = "; ".join(f"{', '.join(some)} of {code}" for code, some in near.items() if some)
    would = f"nearest: {named}" if named else f"GET /api/v1/symbols/?exchange={known[0]} lists what would match"
    return Refused("unknown_pair", f"pair: {asked[:80]!r} matches no market that trades at {', '.join(known)}; {would}")


def _nearest(asked: str, markets: Instruments) -> Sequence[str]:
    """The pattern with its assets put right, and what that matches; else markets whose letters are near."""
    words = {part for symbol in markets.by_symbol for part in symbol.split("-")}
    parts = [part if not part or part in words else _closest(part, words) for part in SEPARATED.split(asked)]
    meant = "".join(parts)
    found = [one.symbol for one in _trading(meant, markets)] if WILD in asked and meant != asked else []
    if found:
        return [meant, *found[:2]]
    letters = asked.replace(WILD, "")
    return markets.nearest(letters) if letters else []


def _closest(part: str, words: set[str]) -> str:
    return part if SEPARATED.fullmatch(part) else next(iter(get_close_matches(part, words, n=1, cutoff=0.6)), part)


def _near(asked: str, words: Mapping[str, Card] | Sequence[str]) -> str:
    return ", ".join(get_close_matches(asked.replace(WILD, ""), list(words), n=3, cutoff=0.5))
