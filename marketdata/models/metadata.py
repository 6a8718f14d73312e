"""The tables of metadata: exchanges, their markets and the intervals they offer. Written by marketdata/ingest.py."""

from django.db import models

from marketdata.fields import ExactDecimalField


class Exchange(models.Model):
    """A source of market data; what the platform knows of its protocol is on its card (`exchanges/<code>`)."""

    code = models.CharField(max_length=32, primary_key=True)
    title = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, help_text="exchange, broker or aggregator")
    enabled = models.BooleanField(default=True, help_text="off: nothing is asked of it by the clock")
    metadata_version = models.BigIntegerField(default=0, help_text="rises with each change of a market", editable=False)
    last_sync_time = models.DateTimeField(null=True, blank=True, editable=False, help_text="last complete sync")
    last_error = models.TextField(blank=True, editable=False, help_text="why the last sync failed; empty if it did not")
    last_error_time = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.title


class Symbol(models.Model):
    """One market of one exchange. A delisted one keeps its row. Absent facts are NULL."""

    id = models.AutoField(primary_key=True)
    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="symbols", db_index=False)
    symbol = models.CharField(max_length=100, help_text="our spelling")
    venue_symbol = models.CharField(max_length=100, help_text="the exchange's own spelling")
    base = models.CharField(max_length=50)
    quote = models.CharField(max_length=50)
    kind = models.CharField(max_length=16)
    status = models.CharField(max_length=16)
    settle = models.CharField(max_length=50, null=True, blank=True, help_text="the asset a derivative settles in")
    price_increment = ExactDecimalField(null=True, blank=True)
    quantity_increment = ExactDecimalField(null=True, blank=True, help_text="base units")
    min_quantity = ExactDecimalField(null=True, blank=True)
    max_quantity = ExactDecimalField(null=True, blank=True)
    min_notional = ExactDecimalField(null=True, blank=True, help_text="quote units")
    max_notional = ExactDecimalField(null=True, blank=True)
    contract_size = ExactDecimalField(null=True, blank=True, help_text="in one contract")
    expiry_time = models.DateTimeField(null=True, blank=True)
    strike = ExactDecimalField(null=True, blank=True)
    option_type = models.CharField(max_length=4, null=True, blank=True)
    listed_time = models.DateTimeField(help_text="first seen by us")
    changed_time = models.DateTimeField(help_text="last change of any fact")
    delisted_time = models.DateTimeField(null=True, blank=True, help_text="first missed by us")

    class Meta:
        ordering = ["exchange_id", "symbol"]
        constraints = [models.UniqueConstraint(fields=["exchange", "symbol"], name="one_symbol_per_exchange")]
        indexes = [
            models.Index(fields=["exchange", "venue_symbol"], name="symbol_by_venue_symbol"),
            models.Index(fields=["base", "quote"], name="symbol_by_assets"),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.symbol}"


class Interval(models.Model):
    """A candle length that an exchange offers."""

    id = models.SmallAutoField(primary_key=True)
    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="intervals", db_index=False)
    code = models.CharField(max_length=4, help_text="ours")
    venue_code = models.CharField(max_length=32, help_text="the exchange's spelling")
    length_ms = models.BigIntegerField(help_text="milliseconds; of a month, the longest one")

    class Meta:
        ordering = ["exchange_id", "length_ms"]
        constraints = [models.UniqueConstraint(fields=["exchange", "code"], name="one_interval_per_exchange")]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.code}"
