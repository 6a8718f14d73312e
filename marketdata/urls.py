"""The paths of marketdata below /api/v1/."""

from django.urls import path

from marketdata import openapi, views

__all__ = ["openapi", "urlpatterns"]  # the API's description says of keys what was imported

urlpatterns = [
    path("token/", views.TokenView.as_view(), name="token"),
    path("token/refresh/", views.TokenRefresh.as_view(), name="token-refresh"),
    path("token/verify/", views.TokenVerify.as_view(), name="token-verify"),
    path("exchanges/", views.ExchangesView.as_view(), name="exchanges"),
    path("exchanges/<slug:code>/", views.ExchangeView.as_view(), name="exchange"),
    path("symbols/", views.SymbolsView.as_view(), name="symbols"),
    path("intervals/", views.IntervalsView.as_view(), name="intervals"),
    path("candles/", views.CandlesView.as_view(), name="candles"),
    path("backfills/", views.BackfillsView.as_view(), name="backfills"),
    path("backfills/<int:pk>/", views.BackfillView.as_view(), name="backfill"),
]
