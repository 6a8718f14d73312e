"""What the API's own description says of API keys."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from marketdata.api_keys import WOULD_DO
from marketdata.authentication import HEADER


class KeyScheme(OpenApiAuthenticationExtension):
    """Two ways of which either will do. Found by the description's generator since this module is imported."""

    target_class = "marketdata.authentication.KeyAuthentication"
    name = ["apiKey", "apiKeyBearer"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        words = f"The API key of a service, {WOULD_DO}: an operator makes it in admin or by `manage.py apikey create`."
        by_name = {"type": "apiKey", "in": "header", "name": HEADER, "description": words}
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "API key", "description": words}
        return [by_name, bearer]
