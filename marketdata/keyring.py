"""The API keys that were issued: the one door by which they are made, judged and revoked."""

from collections.abc import Iterable
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from marketdata import api_keys, times
from marketdata.models import ApiKey
from marketdata.problems import Problem, one_of

USED_EVERY = timedelta(minutes=1)  # that a key is in use is written no oftener
ANOTHER = "another is made in admin or by `manage.py apikey create`"


class WrongKey(Exception):
    """A key that is worth nothing; the sentence says why and what would do, and does not hold the key."""


def issue(key: ApiKey) -> str:
    """Stores a new key of this name, user, quotas and expiry, and returns its text, which is kept nowhere.

    ValidationError where the fields make no sense.
    """
    made = api_keys.new()
    key.id, key.digest = made.id, made.digest
    key.full_clean()
    if key.expires_time and key.expires_time <= times.now():
        raise ValidationError({"expires_time": f"{key.expires_time:%Y-%m-%dT%H:%MZ} is past; a later time would do"})
    key.save(force_insert=True)
    return made.text


def judged(text: str) -> ApiKey:
    """The key, with its user, whose text this is; it is noted as used. WrongKey."""
    given = api_keys.parsed(text)
    if given is None:
        raise WrongKey(f"a key of {len(text)} characters came; {api_keys.WOULD_DO} would do")
    found = ApiKey.objects.select_related("user").filter(pk=given.id).first()
    if found is None or not given.fits(found.digest):
        raise WrongKey(f"no key such as the one that came was issued; {ANOTHER}")
    if found.state != "active":
        raise WrongKey(f"the key {found.name!r} is {found.state}; {ANOTHER}")
    if not found.user.is_active:
        raise WrongKey(f"the user {found.user} of the key {found.name!r} may no longer log in; one who may would do")
    _used([found])
    return found


def lasting(ids: Iterable[str]) -> set[str]:
    """Those that are still worth something; they are noted as used."""
    found = list(_active().filter(pk__in=list(ids)).only("last_used_time"))
    _used(found)
    return {key.pk for key in found}


def revoke(chosen: QuerySet[ApiKey]) -> int:
    """Ends those that are not revoked yet; how many that were."""
    return chosen.filter(revoked_time=None).update(revoked_time=times.now())


def named(name: str) -> ApiKey:
    """Problem where there is none."""
    found = ApiKey.objects.filter(name=name).first()
    if found is None:
        names = ApiKey.objects.values_list("name", flat=True)
        raise Problem("not_found", f"{name!r} is the name of no key; {one_of(names, name)} would do.", "name")
    return found


def _active() -> QuerySet[ApiKey]:
    lasts = Q(expires_time=None) | Q(expires_time__gt=times.now())
    return ApiKey.objects.filter(lasts, revoked_time=None, user__is_active=True)


def _used(keys: Iterable[ApiKey]) -> None:
    now = times.now()
    old = [key.pk for key in keys if key.last_used_time is None or key.last_used_time <= now - USED_EVERY]
    if old:  # asked once more where it is written: of two that look at the same moment one writes
        unwritten = Q(last_used_time=None) | Q(last_used_time__lte=now - USED_EVERY)
        ApiKey.objects.filter(unwritten, pk__in=old).update(last_used_time=now)
