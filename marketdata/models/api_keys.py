"""The table of API keys. Written by marketdata/keyring.py, and quotas and expiry by admin."""

from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

NAME = RegexValidator(r"\A[\w.@+-]+\Z", "letters, digits and . _ @ + - would do")


def _quota(help_text: str) -> Any:
    return models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)], help_text=help_text)


class ApiKey(models.Model):
    """What a service proves itself by. The key itself is nowhere: `digest` is SHA-256 of its secret."""

    id = models.CharField(primary_key=True, max_length=8, editable=False, help_text="the letters behind mdp_")
    digest = models.CharField(max_length=64, editable=False)
    name = models.CharField(max_length=100, unique=True, validators=[NAME], help_text="of the service that uses it")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys", help_text="whom it acts for"
    )
    most_requests_s = _quota("requests, and messages of the stream, a second; empty: as MOST_REQUESTS_S")
    most_connections = _quota("connections to the stream; empty: as MOST_CONNECTIONS")
    most_subscriptions = _quota("over all its connections; empty: as MOST_SUBSCRIPTIONS and MOST_USER_SUBSCRIPTIONS")
    created_time = models.DateTimeField(auto_now_add=True)
    last_used_time = models.DateTimeField(null=True, blank=True, editable=False, help_text="to the minute")
    expires_time = models.DateTimeField(null=True, blank=True, help_text="from then on it is refused; empty: never")
    revoked_time = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked_time:
            return "revoked"
        return "expired" if self.expires_time and self.expires_time <= timezone.now() else "active"
