"""Which paths exist."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("marketdata.urls")),
    path("api/v1/", include("streams.urls")),
    path("api/v1/", include("recordings.urls")),
    path("api/v1/", include("recordings.replay.urls")),
    path("", include("marketdata.health_urls")),
    path("", include("streams.page_urls")),
]

handler404 = "marketdata.api.not_found"
handler500 = "marketdata.api.server_error"
