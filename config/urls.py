"""Which paths exist."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

INCLUDED = [
    ("api/v1/", "marketdata.urls"),
    ("api/v1/", "streams.urls"),
    ("", "marketdata.health_urls"),
    ("", "streams.page_urls"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    *(path(prefix, include(module)) for prefix, module in INCLUDED if find_spec(module)),
]
