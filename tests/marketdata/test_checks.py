"""System checks and the API's description."""

import pytest
from django.core.management import call_command

from marketdata import checks


def test_the_settings_of_the_tests_make_sense() -> None:
    call_command("check", fail_level="WARNING")


@pytest.mark.parametrize(
    ("check", "changed", "sentence"),
    [
        (
            checks.exchanges_exist,
            {"EXCHANGES": ("binanc",)},
            "EXCHANGES names 'binanc', which is none; binance",
        ),
        (checks.sandbox_has_an_address, {"SANDBOX": True, "SANDBOX_URL": None}, "SANDBOX_URL is empty"),
        (
            checks.reading_is_open_to_the_world,
            {"OPEN_READ": True, "ALLOWED_HOSTS": ["md.example"]},
            "ALLOWED_HOSTS has md.example",
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(check: object, changed: dict, sentence: str, settings: object) -> None:
    assert check() == []
    for name, value in changed.items():
        setattr(settings, name, value)
    [found] = check()
    assert sentence in found.msg


def test_a_database_that_rounds_is_named(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    [found] = checks.database_is_postgresql()
    assert "DATABASE_URL leads to django.db.backends.sqlite3; postgresql://… would do" in found.msg


def test_the_api_describes_itself_without_a_warning(tmp_path: object) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
    assert "openapi: 3.1" in (tmp_path / "schema.yaml").read_text()
