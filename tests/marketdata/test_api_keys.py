"""The text of API keys, and what is kept of them."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.logs import LineFormatter
from marketdata import api_keys, keyring, times
from marketdata.keyring import WrongKey
from marketdata.models import ApiKey


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann")


def issued(user: User, name: str = "collector", **fields: Any) -> str:
    return keyring.issue(ApiKey(name=name, user=user, **fields))


def test_a_key_is_what_it_says_to_be_and_no_other_is() -> None:
    made, other = api_keys.new(), api_keys.new()
    assert api_keys.parsed(made.text) == made != other
    assert (len(made.id), len(made.secret), len(made.text)) == (8, 43, 56)
    assert made.fits(made.digest) and not other.fits(made.digest)
    assert made.secret not in repr(made) + made.digest


@pytest.mark.parametrize("text", ["", "mdp_", "mdp_abcdefgh", "mdp_abcdefgh_" + "x" * 42, "MDP_abcdefgh_" + "x" * 43])
def test_what_has_not_the_shape_of_a_key_is_none(text: str) -> None:
    assert api_keys.parsed(text) is None
    assert api_keys.parsed(f"mdp_abcdefgh_{'x' * 43}\n") is None


@pytest.mark.parametrize("cut", [56, 40, 14])
def test_a_key_is_hidden_wherever_it_stands_also_cut_off(cut: int) -> None:
    made = api_keys.new()
    assert api_keys.hidden(f'["{made.text[:cut]}"] and {made.text}!') == '["mdp_***"] and mdp_***!'


def test_no_key_gets_into_the_log() -> None:
    made = api_keys.new()
    try:
        raise ValueError(made.text)
    except ValueError as error:
        given = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s came", (made.text,), given)
    line = LineFormatter("web").format(record)
    assert "mdp_*** came" in line and "ValueError: mdp_***" in line
    assert made.secret not in line


def test_the_secret_is_nowhere_in_the_database(ann: User) -> None:
    secret = issued(ann)[-43:]
    kept = ApiKey.objects.values_list().get()
    assert secret not in str(kept)
    assert len(kept[1]) == 64


def test_a_key_says_whom_it_acts_for(ann: User) -> None:
    text = issued(ann)
    key = keyring.judged(text)
    assert (key.name, key.user, key.state) == ("collector", ann, "active")


def test_a_key_that_is_worth_nothing_says_why_and_what_would_do_but_not_itself(ann: User) -> None:
    text = issued(ann)
    for wrong, words in [
        ("x" * 20, "a key of 20 characters came; mdp_<8 letters>_"),
        (f"{text[:-1]}{'a' if text[-1] != 'a' else 'b'}", "no key such as the one that came was issued; another is"),
        (api_keys.new().text, "no key such as the one that came was issued; another is made in admin"),
    ]:
        with pytest.raises(WrongKey, match=words) as refused:
            keyring.judged(wrong)
        assert wrong[-20:] not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"revoked_time": times.from_ms(1)}, "the key 'collector' is revoked; another is made"),
        ({"expires_time": times.from_ms(1)}, "the key 'collector' is expired; another is made"),
        ({}, "the user ann of the key 'collector' may no longer log in"),
    ],
)
def test_a_key_that_has_ended_says_so_to_who_has_it_alone(ann: User, fields: dict[str, Any], words: str) -> None:
    text = issued(ann)
    assert keyring.lasting([text[4:12]]) == {text[4:12]}
    ApiKey.objects.update(**fields)
    User.objects.update(is_active=bool(fields))
    with pytest.raises(WrongKey, match=words):
        keyring.judged(text)
    with pytest.raises(WrongKey, match="no key such as"):
        keyring.judged(text[:13] + "x" * 43)
    assert keyring.lasting([text[4:12]]) == set()


@pytest.mark.parametrize("ask", [keyring.judged, lambda text: keyring.lasting([text[4:12]])])
def test_the_last_use_is_written_once_a_minute(ann: User, ask: Any) -> None:
    text = issued(ann)
    assert ApiKey.objects.get().last_used_time is None
    with CaptureQueriesContext(connection) as asked:
        for _ in range(3):
            ask(text)
    assert sum("UPDATE" in one["sql"] for one in asked) == 1
    first = ApiKey.objects.get().last_used_time
    ApiKey.objects.update(last_used_time=first - timedelta(minutes=1))
    ask(text)
    assert ApiKey.objects.get().last_used_time >= first


def test_of_two_that_use_a_key_at_the_same_moment_one_writes_it(ann: User) -> None:
    issued(ann)
    first, second = ApiKey.objects.get(), ApiKey.objects.get()
    keyring._used([first])
    written = ApiKey.objects.get().last_used_time
    keyring._used([second])
    assert ApiKey.objects.get().last_used_time == written


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"most_requests_s": 0}, "most_requests_s"),
        ({"most_connections": 2**31}, "most_connections"),
        ({"expires_time": times.from_ms(1)}, "expires_time"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_issued(ann: User, fields: dict[str, Any], field: str) -> None:
    issued(ann, "taken")
    with pytest.raises(ValidationError) as refused:
        issued(ann, **{"name": "collector", **fields})
    assert list(refused.value.message_dict) == [field]
    assert ApiKey.objects.count() == 1


def test_a_key_is_revoked_once(ann: User) -> None:
    issued(ann)
    assert (keyring.revoke(ApiKey.objects.all()), keyring.revoke(ApiKey.objects.all())) == (1, 0)
