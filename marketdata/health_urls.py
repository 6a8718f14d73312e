"""The paths that machines ask for the health of a web process."""

from django.urls import path

from marketdata import health

urlpatterns = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
]
