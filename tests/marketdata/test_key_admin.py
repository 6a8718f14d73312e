"""API keys in admin: shown once, listed, revoked."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from marketdata import keyring, times
from marketdata.models import ApiKey
from tests.marketdata.test_admin import operator, page

__all__ = ["operator"]
ADD = "admin:marketdata_apikey_add"


@pytest.fixture
def service(db: None) -> User:
    return User.objects.create_user("service")


def form(user: User, **fields: Any) -> dict[str, Any]:
    quotas = dict.fromkeys(("most_requests_s", "most_connections", "most_subscriptions"), "")
    return {"name": "collector", "user": user.pk, "expires_time_0": "", "expires_time_1": "", **quotas, **fields}


def test_a_new_key_is_shown_once_and_kept_by_nobody(operator: Client, service: User) -> None:
    answer = operator.post(reverse(ADD), form(service, most_requests_s="5"))
    [made] = ApiKey.objects.all()
    text = answer.content.decode().partition("<code>")[2].partition("</code>")[0]
    assert keyring.judged(text) == made
    assert (made.user, made.most_requests_s, made.most_connections) == (service, 5, None)
    assert "no-store" in answer["Cache-Control"]
    assert text[-43:] not in str(operator.cookies) + str(dict(operator.session))
    shown = page(operator, "apikey_changelist") + page(operator, "apikey_change", made.pk)
    shown += page(operator, "apikey_history", made.pk)
    assert made.pk in shown and text[-43:] not in shown and made.digest not in shown


def test_sending_the_form_again_makes_no_second_key(operator: Client, service: User) -> None:
    operator.post(reverse(ADD), form(service))
    again = operator.post(reverse(ADD), form(service))
    assert "already exists" in again.content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "two words"}, "letters, digits and . _ @ + - would do"),
        ({"most_connections": "0"}, "greater than or equal to 1"),
        ({"expires_time_0": "2020-01-01", "expires_time_1": "00:00"}, "2020-01-01T00:00Z is past; a later time"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_in_the_form(
    operator: Client, service: User, fields: dict[str, str], words: str
) -> None:
    assert words in operator.post(reverse(ADD), form(service, **fields)).content.decode()
    assert not ApiKey.objects.exists()


def test_the_list_shows_use_and_quotas_and_revokes(operator: Client, service: User) -> None:
    text = keyring.issue(ApiKey(name="collector", user=service, most_subscriptions=77))
    keyring.issue(ApiKey(name="other", user=service))
    keyring.judged(text)
    listed = page(operator, "apikey_changelist")
    assert '<td class="field-most_subscriptions">77</td>' in listed
    assert listed.count('<td class="field-last_used_time nowrap">-</td>') == 1
    chosen = ApiKey.objects.get(name="collector")
    where = reverse("admin:marketdata_apikey_changelist")
    answer = operator.post(where, {"action": "revoke", "_selected_action": chosen.pk}, follow=True)
    assert "1 revoked; what is open with them ends within half a minute." in answer.content.decode()
    assert list(ApiKey.objects.filter(revoked_time=None)) == [ApiKey.objects.get(name="other")]
    assert page(operator, "apikey_changelist", revoked_time__isempty="0").count("field-state") == 1


def test_quotas_and_expiry_may_change_name_user_and_key_may_not(operator: Client, service: User) -> None:
    text = keyring.issue(ApiKey(name="collector", user=service, expires_time=times.now() + timedelta(days=1)))
    made = ApiKey.objects.get()
    other = User.objects.create_user("other")
    changed = form(other, name="taken over", id="abcdefgh", most_requests_s="9")
    where = reverse("admin:marketdata_apikey_change", args=[made.pk])
    assert operator.post(where, changed).status_code == 302
    now = keyring.judged(text)
    assert (now.name, now.user, now.most_requests_s, now.expires_time) == ("collector", service, 9, None)


def test_one_who_may_only_look_makes_and_revokes_nothing(client: Client, service: User) -> None:
    keyring.issue(ApiKey(name="collector", user=service))
    User.objects.filter(pk=service.pk).update(is_staff=True)
    client.force_login(service)
    assert client.post(reverse(ADD), form(service, name="mine")).status_code == 403
    where = reverse("admin:marketdata_apikey_changelist")
    client.post(where, {"action": "revoke", "_selected_action": ApiKey.objects.get().pk})
    assert ApiKey.objects.get().revoked_time is None
