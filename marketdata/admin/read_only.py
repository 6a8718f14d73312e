"""Admin pages of tables that only marketdata/ingest writes."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNTED = 10_000  # rows: a count and an offset over hundreds of millions would take minutes


class CappedPaginator(Paginator):
    """Pages of the first COUNTED rows; whoever looks further back narrows the list."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:COUNTED].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows; nothing can be added, changed or deleted."""

    show_full_result_count = False
    paginator = CappedPaginator
    actions: Any = None

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False
