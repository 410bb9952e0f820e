"""What requests may hold, strictly: text is text, a number is no text, and what the document says is what is taken."""

import math
import re
from collections.abc import Mapping
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import RAISE, Schema, fields
from werkzeug.datastructures import FileStorage

LARGEST_ID = 2**31 - 1
NONE = ("", "null")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class Body(Schema):
    """A JSON object or a form in which nothing is allowed that is not named."""

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


class Text(fields.String):
    """Text that can be stored: without halves of characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self.make_error("invalid_utf8")
        return text


class Whole(fields.Integer):
    """A whole number of JSON, never text or a truth value."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class TypedWhole(fields.Integer):
    """A whole number as it is typed, in an address or a form; where none is allowed, nothing and `null` are none."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Read it."""
        given = None if self.allow_none and value in NONE else value
        return super().deserialize(given, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not _WHOLE.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Number(fields.Float):
    """A number of JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """A truth value of JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class SentFile(Upload):  # type: ignore[misc]  # flask-smorest carries no types
    """A file of a form."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, FileStorage):
            raise self.make_error("required")
        return super()._deserialize(value, attr, data, **kwargs)
