"""Who may read and write over REST."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # that module reads the settings, which name this one
    from rest_framework.views import APIView


class ReadOpen(BasePermission):
    """Reading needs a key, a token or a session unless OPEN_READ is set; writing always does."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return bool((settings.OPEN_READ and request.method in SAFE_METHODS) or request.user.is_authenticated)
