"""The ASGI application: HTTP to Django, WebSocket to the streams."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

import config.celery  # noqa: E402, F401  (without it, tasks that a request sends go to Celery's default broker)
from streams.routing import websocket_urlpatterns  # noqa: E402  (needs the apps that the line above has loaded)

# Origin, token and session are judged by the consumer, which can say why. Nothing else stands between it and the
# server: a middleware would cost a step for every event to every client.
application = ProtocolTypeRouter({"http": django_application, "websocket": URLRouter(websocket_urlpatterns)})
