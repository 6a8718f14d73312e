"""What an operator decides about streams: pins."""

from django.core.exceptions import ValidationError
from django.db import models

from exchanges.symbols import Topic
from marketdata import cards, instruments


class Pin(models.Model):
    """A stream that runs whether anybody listens or not."""

    exchange = models.CharField(max_length=32, help_text="the exchange's code, e.g. binance")
    symbol = models.CharField(max_length=128, help_text="any spelling of the market, e.g. BTC-USDT")
    stream = models.CharField(max_length=32, help_text="trade, ticker, depth, depth_10, candle_1m …")
    enabled = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exchange", "symbol", "stream"], name="one_pin_a_topic")]
        ordering = ["exchange", "symbol", "stream"]

    def __str__(self) -> str:
        return self.topic

    @property
    def topic(self) -> str:
        return str(Topic(self.exchange, self.stream, self.symbol))

    def clean(self) -> None:
        """Our spelling of the market; refused with the nearest matches where there is none."""
        if self.exchange not in cards.codes():
            raise ValidationError({"exchange": f"{self.exchange!r} is none of {', '.join(cards.codes())}"})
        streams = cards.card(self.exchange).stream_names()
        if self.stream not in streams:
            raise ValidationError({"stream": f"{self.exchange} offers {', '.join(streams)}, not {self.stream!r}"})
        markets = instruments.current(self.exchange)
        found = markets.find(self.symbol)
        if found is None:
            near = ", ".join(markets.nearest(self.symbol)) or "none"
            raise ValidationError({"symbol": f"{self.symbol!r} is no market of {self.exchange}; nearest: {near}"})
        self.symbol = found.symbol
