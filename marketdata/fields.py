"""A database column for exact numbers: unconstrained `numeric`, Decimal in and out, nothing rounded, no float."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models


class ExactDecimalField(models.Field):
    """A finite Decimal of any length; text and integers are read exactly, a float is refused."""

    description = "Exact number"

    def db_type(self, connection: Any) -> str:
        return "numeric"

    def get_internal_type(self) -> str:
        return "ExactDecimalField"

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        if isinstance(value, float):
            raise ValidationError(f"{value!r} has been a binary float: give text or Decimal")
        try:
            number = Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            raise ValidationError(f"{value!r} is not a number") from None
        if not number.is_finite():
            raise ValidationError(f"{value!r} is not a finite number")
        return number

    def get_prep_value(self, value: Any) -> Decimal | None:
        return self.to_python(super().get_prep_value(value))

    def formfield(self, **options: Any) -> forms.Field:
        return super().formfield(**{"form_class": forms.DecimalField, **options})
