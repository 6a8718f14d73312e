"""The ASGI application: HTTP to Django, WebSocket to the streams."""

import os
from importlib import import_module
from importlib.util import find_spec

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

# The consumer's module needs the apps that the line above has loaded.
websocket_urlpatterns = import_module("streams.routing").websocket_urlpatterns if find_spec("streams.routing") else []

# Origin and token are judged by the consumer, which can say why; here only the session cookie is read.
application = ProtocolTypeRouter(
    {"http": django_application, "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))}
)
