"""A command whose --help shows examples and exit codes, and that says in one sentence which store is away."""

from argparse import RawDescriptionHelpFormatter
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import OperationalError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the examples' lines as they are."""


class ExampleCommand(BaseCommand):
    """`examples` is printed below the options."""

    examples: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        shown = {"epilog": self.examples, "formatter_class": Formatter}
        return super().create_parser(prog_name, subcommand, **shown, **options)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except RedisError as error:
            raise CommandError(f"Redis does not answer ({error}); REDIS_URL says where it is.") from None
        except (OperationalError, PoolTimeout) as error:
            raise CommandError(f"The database does not answer ({error}); DATABASE_URL says where it is.") from None
