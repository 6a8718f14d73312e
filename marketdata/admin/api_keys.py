"""API keys: made here, where a key is shown once; listed with use and quotas; revoked."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from marketdata import keyring, times
from marketdata.models import ApiKey


class ApiKeyForm(ModelForm):
    """Asks for a name, a user, quotas and an expiry that is still to come."""

    class Meta:
        model = ApiKey
        fields = ("name", "user", "expires_time", "most_requests_s", "most_connections", "most_subscriptions")

    def clean_expires_time(self) -> Any:
        given = self.cleaned_data["expires_time"]
        if "expires_time" in self.changed_data and given and given <= times.now():
            raise ValidationError(f"{given:%Y-%m-%dT%H:%MZ} is past; a later time would do")
        return given


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    form = ApiKeyForm
    list_display = ("name", "id", "user", "state", "last_used_time", "expires_time", *ApiKeyForm.Meta.fields[3:])
    list_filter = (("revoked_time", admin.EmptyFieldListFilter), "user")
    list_select_related = ("user",)
    search_fields = ("name", "id", "user__username")
    fields = ApiKeyForm.Meta.fields
    autocomplete_fields = ("user",)
    actions = ("revoke",)
    shown = ("id", "state", "created_time", "last_used_time", "revoked_time")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return (*self.fields, *self.shown) if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Whose a key is stands once somebody has it; quotas and expiry may change."""
        return (*self.shown, "name", "user") if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            request.issued = keyring.issue(obj)  # type: ignore[attr-defined]

    def response_add(self, request: Any, obj: ApiKey, *_: Any, **__: Any) -> HttpResponse:
        """In the answer itself: a message would wait in a cookie or the session for the next page."""
        context = {**self.admin_site.each_context(request), "title": "The new API key", "key": obj}
        answer = TemplateResponse(request, "marketdata/api_key.html", {**context, "text": request.issued})
        add_never_cache_headers(answer)
        return answer

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        ended = keyring.revoke(chosen)
        self.message_user(request, f"{ended} revoked; what is open with them ends within half a minute.")
