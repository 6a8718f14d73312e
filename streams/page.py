"""The page at `/`: live prices and the state of every stream."""

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from marketdata import cards
from streams.pins import pinned

FALLBACK = "binance.ticker.BTC-USDT"  # what is shown first where no ticker is pinned


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """For those who may read market data; others are sent to sign in."""
    if not (settings.OPEN_READ or request.user.is_authenticated):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    tickers = sorted(topic for topic in pinned() if topic.split(".")[1] == "ticker")
    shown = {"sandbox": settings.SANDBOX, "exchanges": cards.cards().values(), "topics": tickers or [FALLBACK]}
    response = render(request, "streams/page.html", shown)
    response["Content-Security-Policy"] = policy(request.get_host())
    response["Cache-Control"] = "no-store"
    return response


def policy(host: str) -> str:
    """Nothing from elsewhere, nothing inline. Not every browser takes 'self' for the WebSocket too, so it is named."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' ws://{host} wss://{host}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
