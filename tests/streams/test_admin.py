"""Signals in admin: made, listed with their states, deleted, and refused in the form."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from streams import signals
from streams.models import Subscription
from streams.signals import Signal

TRADE = "binance.trade.BTC-USDT"


@pytest.fixture
def operator(client: Client, listed: None) -> Client:
    signals._expansions._kept.clear()
    client.force_login(User.objects.create_superuser("operator"))
    return client


def page(client: Client, name: str, *of: Any, **query: Any) -> str:
    answer = client.get(reverse(f"admin:streams_subscription_{name}", args=of), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_signal_is_made_of_lines_and_shows_how_its_topics_are(operator: Client) -> None:
    owner = User.objects.create_user("service")
    form = {"topics": "binance.trade.btcusdt\n\nbinance.ticker.*-USDT\n", "owner": owner.pk, "lease_s": "", "note": "n"}
    assert operator.post(reverse("admin:streams_subscription_add"), form).status_code == 302
    made = Subscription.objects.get()
    assert (made.patterns, made.owner, made.lease_s) == (["binance.ticker.*-USDT", TRADE], owner, None)
    count = len(signals.topics())
    assert f"{count} starting" in page(operator, "changelist")
    shown = page(operator, "change", made.pk)
    assert f"<td>{TRADE}</td>" in shown and f"<td>stream:{TRADE}</td>" in shown and "no worker carries it" in shown


def test_a_signal_is_found_and_deleted_and_the_same_again_is_renewed(operator: Client) -> None:
    for lease_s in ("", "60"):
        operator.post(reverse("admin:streams_subscription_add"), {"topics": TRADE, "lease_s": lease_s})
    made = Subscription.objects.get()
    assert (made.lease_s, made.owner) == (60, None)
    assert page(operator, "changelist", q="BTC-USDT").count("field-selection") == 1
    assert page(operator, "changelist", q="nothing").count("field-selection") == 0
    operator.post(reverse("admin:streams_subscription_delete", args=[made.pk]), {"post": "yes"})
    assert signals.topics() == set()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"topics": "binance.trade.BTCUSTD"}, "nearest: BTC-USDT"),
        ({"topics": "binance.trade.*-USTD"}, "nearest: *-USDT"),
        ({"topics": "  \n "}, "This field is required"),
        ({"topics": TRADE, "lease_s": "0"}, "greater than or equal to 1"),
        ({"topics": "binance.trade.*"}, "at most 2 of one caller"),
    ],
)
def test_what_makes_no_sense_is_refused_in_the_form(
    operator: Client, settings: Any, form: dict[str, str], words: str
) -> None:
    settings.MOST_SIGNALLED_TOPICS = 2
    answer = operator.post(reverse("admin:streams_subscription_add"), form)
    assert words in answer.content.decode()
    assert not Subscription.objects.exists()


def test_a_signal_that_was_made_elsewhere_is_there_too(operator: Client) -> None:
    signals.sign(None, [Signal([TRADE], 60, "by REST")])
    shown = page(operator, "changelist")
    assert TRADE in shown and "by REST" in shown and "1 starting" in shown
