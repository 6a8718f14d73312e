"""What an operator sees of metadata, history and API keys."""

from django.contrib import admin

from marketdata.admin.api_keys import ApiKeyAdmin
from marketdata.admin.history import BackfillAdmin, CandleAdmin, CoverageAdmin
from marketdata.admin.metadata import ExchangeAdmin, IntervalAdmin, SymbolAdmin

__all__ = [
    "ApiKeyAdmin",
    "BackfillAdmin",
    "CandleAdmin",
    "CoverageAdmin",
    "ExchangeAdmin",
    "IntervalAdmin",
    "SymbolAdmin",
]

admin.site.site_title = "Market data"
admin.site.site_header = "Market data platform"
admin.site.index_title = "What is known, what is stored, what runs"
