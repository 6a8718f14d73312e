"""The Django application `sandbox`."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = label = "sandbox"
