"""`manage.py apikey`: makes, lists and revokes."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from marketdata import keyring
from marketdata.models import ApiKey


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin")


def ran(*arguments: str) -> tuple[str, str]:
    """What it wrote to stdout and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command("apikey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        ran(*arguments)
    assert error.value.returncode in (1, 2)
    return str(error.value)


def test_the_key_is_the_one_line_of_stdout(admin: User) -> None:
    out, err = ran("create", "collector")
    key = keyring.judged(out.removesuffix("\n"))
    assert (key.name, key.user, key.most_requests_s, key.expires_time) == ("collector", admin, None, None)
    assert err.startswith("The key of collector, which acts for admin.")
    assert out.strip()[-43:] not in err


def test_a_key_has_the_user_quotas_and_expiry_that_are_named(admin: User) -> None:
    ann = User.objects.create_user("ann")
    quotas = ("--most-requests-s", "5", "--most-connections", "2", "--most-subscriptions", "9")
    ran("create", "collector", "--user", "ann", "--expires", "2090-01-01", *quotas)
    [key] = ApiKey.objects.all()
    assert (key.user, key.most_requests_s, key.most_connections, key.most_subscriptions) == (ann, 5, 2, 9)
    assert f"{key.expires_time:%Y-%m-%d}" == "2090-01-01"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "two words"], "NAME: 'two words' came; letters, digits and . _ @ + - would do."),
        (["create", "taken"], "NAME: 'taken' came; API key with this Name already exists."),
        (["create", "x", "--user", "amin"], "--user: 'amin' came, who may not log in; admin would do."),
        (["create", "x", "--expires", "soon"], "--expires: 'soon' came; milliseconds since 1970"),
        (["create", "x", "--expires", "2020-01-01"], "'2020-01-01' came; 2020-01-01T00:00Z is past; a later time"),
        (["create", "x", "--most-connections", "0"], "'0' came; a whole number from 1 would do"),
        (["create", "x", "--most-connections", str(2**31)], "--most-connections: 2147483648 came; Ensure"),
        (["revoke", "takn"], "'takn' is the name of no key; taken would do."),
    ],
)
def test_a_refusal_names_what_came_and_what_would_do(admin: User, arguments: list[str], words: str) -> None:
    ran("create", "taken")
    assert words in refused(*arguments)
    assert ApiKey.objects.filter(revoked_time=None).count() == 1


@pytest.mark.parametrize("superusers", [[], ["admin", "root"]])
def test_without_one_superuser_a_user_must_be_named(db: None, superusers: list[str]) -> None:
    User.objects.create_user("ann")
    for name in superusers:
        User.objects.create_superuser(name)
    would = "--user admin or --user root" if superusers else "--user ann"
    assert f"--user: {len(superusers)} superusers there are; {would} would do." == refused("create", "x")


def test_without_any_user_it_says_how_one_is_made(db: None) -> None:
    assert refused("create", "x").endswith("; `manage.py createsuperuser` makes one.")


def test_the_list_has_a_line_for_each_key_and_no_secret(admin: User) -> None:
    made, _ = ran("create", "collector", "--most-connections", "2")
    ran("create", "archive")
    ran("revoke", "archive")
    head, archive, collector = ran("list")[0].splitlines()
    assert head.split()[:4] == ["name", "id", "user", "state"]
    assert archive.split()[3] == "revoked" and collector.split()[:4] == ["collector", made[4:12], "admin", "active"]
    assert collector.split()[-3:] == ["-", "2", "-"]
    assert made.strip()[-43:] not in collector


def test_a_key_is_revoked_and_said_to_be_where_it_was_before(admin: User) -> None:
    made, _ = ran("create", "collector")
    assert ran("revoke", "collector")[0].startswith("collector is revoked; what is open with it ends within")
    with pytest.raises(keyring.WrongKey, match="is revoked"):
        keyring.judged(made.strip())
    assert ran("revoke", "collector")[0].startswith("collector was revoked before, at 20")


@pytest.mark.parametrize("of", [[], ["create"], ["list"], ["revoke"]])
def test_help_has_examples(of: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("apikey", *of, "--help")
    assert ended.value.code == 0
    assert "manage.py apikey create collector" in capsys.readouterr().out
