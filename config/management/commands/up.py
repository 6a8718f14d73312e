"""`manage.py up`: the whole platform in the foreground."""

from django.core.management.base import BaseCommand, CommandParser

from config import env
from config.launch import up


class Command(BaseCommand):
    help = (
        "Runs PostgreSQL, Redis, the web, the workers and the clock as one group until Ctrl-C. "
        "Example: manage.py up --venues sandbox"
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--venues",
            choices=("live", "sandbox", "auto"),
            help="the real exchanges, invented ones, or (the default) invented ones only where no real one answers",
        )

    def handle(self, *args: object, **options: str | None) -> None:
        settings = env.load(with_up=False)
        raise SystemExit(up(settings, options["venues"] or settings.venues))
