"""The paths of streams below /api/v1/."""

from django.urls import path

from streams import views

urlpatterns = [
    path("ticker/", views.TickerView.as_view(), name="ticker"),
    path("trades/", views.TradesView.as_view(), name="trades"),
    path("depth/", views.DepthView.as_view(), name="depth"),
    path("subscriptions/", views.SubscriptionsView.as_view(), name="subscriptions"),
    path("subscriptions/<int:pk>/", views.SubscriptionView.as_view(), name="subscription"),
    path("status/", views.StatusView.as_view(), name="status"),
]
