"""`manage.py apikey`: the API keys of services."""

import argparse
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from marketdata import keyring, times
from marketdata.management.examples import ExampleCommand, Formatter
from marketdata.models import ApiKey
from marketdata.problems import Problem, listed, one_of

EXAMPLES = """
examples:
  manage.py apikey create collector
  manage.py apikey create collector --user ann --most-requests-s 20 --most-connections 4 --expires 2030-01-01
  KEY=$(manage.py apikey create collector) && curl -H "X-Api-Key: $KEY" 'http://127.0.0.1:8000/api/v1/symbols/'
  manage.py apikey list
  manage.py apikey revoke collector

The key is the one line that `create` writes to stdout. It is kept nowhere and cannot be shown again.
Exit codes: 0 done, 1 the database does not answer, 2 refused.
"""
QUOTAS = {
    "most_requests_s": "requests, and messages of the stream, a second; default: MOST_REQUESTS_S",
    "most_connections": "connections to the stream; default: MOST_CONNECTIONS",
    "most_subscriptions": "over all its connections; default: MOST_SUBSCRIPTIONS and MOST_USER_SUBSCRIPTIONS",
}
COLUMNS = ("name", "id", "user", "state", "created", "last used", "expires", "requests/s", "connections", "topics")
REFUSED = 2


class Command(ExampleCommand):
    help = "Makes, lists and revokes the API keys of services."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        does = parser.add_subparsers(dest="does", required=True, metavar="create | list | revoke")
        shown = {"epilog": EXAMPLES, "formatter_class": Formatter}
        create = does.add_parser("create", help="makes a key and writes it to stdout, this once", **shown)
        create.add_argument("name", metavar="NAME", help="of the service that uses it")
        create.add_argument("--user", help="whom it acts for; default: the one superuser there is")
        create.add_argument("--expires", metavar="TIME", help=f"from then on it is refused: {times.WOULD_DO}")
        for name, words in QUOTAS.items():
            create.add_argument(f"--{name.replace('_', '-')}", type=_count, metavar="N", help=words)
        does.add_parser("list", help="all keys, with their last use and quotas", **shown)
        revoke = does.add_parser("revoke", help="ends a key; what is open with it ends within half a minute", **shown)
        revoke.add_argument("name", metavar="NAME")

    def handle(self, *_: Any, does: str, **options: Any) -> None:
        try:
            {"create": self._create, "list": self._list, "revoke": self._revoke}[does](options)
        except Problem as problem:
            raise CommandError(problem.message, returncode=REFUSED) from None

    def _create(self, options: dict[str, Any]) -> None:
        quotas = {name: options[name] for name in QUOTAS}
        expires = _time(options["expires"]) if options["expires"] else None
        key = ApiKey(name=options["name"], user=_user(options["user"]), expires_time=expires, **quotas)
        try:
            text = keyring.issue(key)
        except ValidationError as error:
            raise _problem(error, options) from None
        self.stderr.write(f"The key of {key.name}, which acts for {key.user}. It is shown this once:")
        self.stdout.write(text)

    def _list(self, _: dict[str, Any]) -> None:
        rows = [COLUMNS, *(_row(key) for key in ApiKey.objects.select_related("user"))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _revoke(self, options: dict[str, Any]) -> None:
        key = keyring.named(options["name"])
        if keyring.revoke(ApiKey.objects.filter(pk=key.pk)):
            self.stdout.write(f"{key.name} is revoked; what is open with it ends within half a minute")
        else:
            self.stdout.write(f"{key.name} was revoked before, at {_minute(key.revoked_time)}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} came; a whole number from 1 would do")
    return int(text)


def _user(name: str | None) -> Any:
    """Problem where there is none of the name, or without one not exactly one superuser."""
    users = get_user_model().objects.filter(is_active=True)
    if name is not None:
        found = users.filter(username=name).first()
        if found is None:
            would = one_of(users.values_list("username", flat=True), name)
            raise Problem("not_found", f"--user: {name!r} came, who may not log in; {would} would do.", "user")
        return found
    superusers = list(users.filter(is_superuser=True).order_by("pk")[:20])
    if len(superusers) != 1:
        names = [f"--user {user.get_username()}" for user in superusers or users.order_by("pk")[:20]]
        would = f"{listed(names)} would do" if names else "`manage.py createsuperuser` makes one"
        raise Problem("bad_request", f"--user: {len(superusers)} superusers there are; {would}.", "user")
    return superusers[0]


def _time(text: str) -> Any:
    try:
        return times.from_ms(times.parsed_ms(text))
    except ValueError as error:
        raise Problem("bad_request", f"--expires: {text!r} came; {error} would do.") from None


def _problem(error: ValidationError, options: dict[str, Any]) -> Problem:
    """The first field's error as a sentence about its option."""
    field, words = next(iter(error.message_dict.items()))
    option = {"name": "NAME", "expires_time": "--expires"}.get(field, f"--{field.replace('_', '-')}")
    came = options.get("expires" if field == "expires_time" else field)
    return Problem("bad_request", f"{option}: {came!r} came; {words[0].rstrip('.')}.", field)


def _row(key: ApiKey) -> tuple[str, ...]:
    moments = (_minute(time) for time in (key.created_time, key.last_used_time, key.expires_time))
    quotas = (str(getattr(key, name) or "-") for name in QUOTAS)
    return key.name, key.pk, key.user.get_username(), key.state, *moments, *quotas


def _minute(time: Any) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}" if time else "-"
