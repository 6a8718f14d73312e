"""What an operator sees of metadata and history."""

from django.contrib import admin

from marketdata.admin.history import BackfillAdmin, CandleAdmin, CoverageAdmin
from marketdata.admin.metadata import ExchangeAdmin, IntervalAdmin, SymbolAdmin

__all__ = ["BackfillAdmin", "CandleAdmin", "CoverageAdmin", "ExchangeAdmin", "IntervalAdmin", "SymbolAdmin"]

admin.site.site_title = "Market data"
admin.site.site_header = "Market data platform"
admin.site.index_title = "What is known, what is stored, what runs"
