"""`manage.py prepare`: makes a database ready for this version."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, transaction

from config.keys import stored_key
from streams.pins import pin_defaults

PASSWORD_BYTES = 12


class Command(BaseCommand):
    help = (
        "Migrates; where there is no administrator, makes the user `admin` and the first pins and prints its password "
        "alone. `up` runs it by itself. Example: manage.py prepare"
    )
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        try:
            self.prepare()
        except OperationalError as error:
            raise CommandError(f"the database that DATABASE_URL names cannot be used: {error}") from error

    def prepare(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        password = stored_key(settings.VAR_DIR / "keys" / "admin", PASSWORD_BYTES)
        # Both or neither: a first start that fails half-way is a first start again.
        with transaction.atomic():
            users.create_superuser("admin", password=password)
            pin_defaults()
        self.stdout.write(password)
