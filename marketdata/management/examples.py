"""A command whose --help shows examples and exit codes."""

from argparse import RawDescriptionHelpFormatter
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the examples' lines as they are."""


class ExampleCommand(BaseCommand):
    """`examples` is printed below the options."""

    examples: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        shown = {"epilog": self.examples, "formatter_class": Formatter}
        return super().create_parser(prog_name, subcommand, **shown, **options)
