"""The WebSocket's path."""

from django.urls import path

from streams.consumer import StreamConsumer

websocket_urlpatterns = [path("stream/", StreamConsumer.as_asgi())]
