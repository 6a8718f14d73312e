"""Numbers as canonical text: one spelling per value, exact, nothing that is not finite."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.decimals import LONGEST, optional, plain, unsigned
from exchanges.errors import BadFrame

finite = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30"))
padding = st.text("0", max_size=5)


@given(finite)
def test_a_number_keeps_its_exact_value(value: Decimal) -> None:
    assert Decimal(plain(str(value))) == value


@given(finite.filter(lambda value: value.as_tuple().exponent > -40), padding, padding)
def test_one_value_has_one_spelling(value: Decimal, before: str, after: str) -> None:
    text = format(value, "f")
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    other = f"{sign}{before}{digits}{after}" if "." in digits else f"{sign}{before}{digits}.{after}"
    assert plain(other) == plain(text)
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [("0.00000000", "0"), ("-0.0", "0"), ("84143.01000000", "84143.01"), ("100", "100"), ("1e-8", "0.00000001"),
     ("1.50E3", "1500"), ("+1.5", "1.5"), (".5", "0.5"), ("007", "7"), ("1.", "1"), (5, "5"),
     (Decimal("1E-7"), "0.0000001")],
)  # fmt: skip
def test_a_number_is_written_plainly(sent: str | int | Decimal, canonical: str) -> None:
    assert plain(sent) == canonical


@pytest.mark.parametrize(
    "sent",
    ["", "-", ".", "NaN", "inf", "Infinity", "1..2", "1.5.", "0x1", "１", "1 ", "1\n", "1e9999", "--1", True, "1_0"],
)
def test_what_is_no_finite_number_is_refused(sent: str) -> None:
    with pytest.raises(BadFrame):
        plain(sent)


def test_a_number_of_absurd_length_is_refused_without_reading_it() -> None:
    with pytest.raises(BadFrame, match="characters"):
        plain("1" * (LONGEST + 1))


def test_absence_stays_absent_and_zero_stays_zero() -> None:
    assert (optional(None), optional(""), optional("0.0")) == (None, None, "0")


def test_what_cannot_be_negative_is_refused_below_zero() -> None:
    assert unsigned("-0.0") == "0"
    with pytest.raises(BadFrame, match="negative"):
        unsigned("-0.1")
