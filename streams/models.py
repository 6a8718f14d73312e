"""What runs whether anybody listens or not: an operator's pins, and the signals of other services."""

from django.conf import settings
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


class Subscription(models.Model):
    """A signal: what a service, or an operator, wants to run and to be published until told otherwise, or until its
    lease ends. `patterns` are topics, or topics with `*` in them, as understood and sorted."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="who signalled; nobody where reading is open and no user was named",
    )
    patterns = models.JSONField()
    digest = models.CharField(max_length=64, editable=False, help_text="of the patterns: the same selection is one row")
    note = models.CharField(max_length=200, blank=True)
    lease_s = models.PositiveIntegerField(
        null=True, blank=True, help_text="seconds after which it ends unless it is signalled again; none: it lasts"
    )
    ends_time = models.DateTimeField(null=True, blank=True, editable=False)
    created_time = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "digest"], name="one_signal_an_owner"),
            models.UniqueConstraint(
                fields=["digest"], condition=models.Q(owner__isnull=True), name="one_signal_of_nobody"
            ),
        ]

    def __str__(self) -> str:
        return f"signal {self.pk}"
