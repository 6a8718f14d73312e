"""Who may signal over REST."""

from ipaddress import ip_address

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from marketdata.permissions import ReadOpen


class SignalOpen(ReadOpen):
    """A signal starts streams, as a WebSocket client does: where reading is open it needs no name either, but what
    lasts is asked for so from this machine alone."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) or (settings.OPEN_READ and _from_here(request))


def _from_here(request: Request) -> bool:
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
