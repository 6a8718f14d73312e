"""`manage.py sandbox`: the sandbox's server in the foreground."""

from django.core.management.base import BaseCommand

from sandbox.command import arguments, run


class Command(BaseCommand):
    help = "Serves every exchange's own protocol over one invented market."
    requires_system_checks = []

    def add_arguments(self, parser):
        arguments(parser)

    def handle(self, *args, **options):
        raise SystemExit(run(options))
