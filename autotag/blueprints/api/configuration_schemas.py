"""Configuration entries as JSON: a schema for each, made from its declaration."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from autotag.blueprints.api.fields import Body, Flag, Number, Text, Whole
from autotag.configuration.declaration import Entry, Field, Kind
from autotag.configuration.store import Resolved, Source
from autotag.configuration.validation import TEXT_LENGTH
from autotag.configuration.values import own_version, readable_values
from autotag.instances.audit import MASK
from autotag.models import Level

LARGEST_VERSION = 2**31 - 1
ONE_LINE = r"^[^\x00-\x1f]*$"
ADDRESS = (
    r"^(https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
    r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)?$"
)
OFFERED = "x-choices"
"""Key of the list from which a choice is made; the document names what is in it now."""

SECRET_HELP = f"`{MASK}` when one is stored; sent back it means the same one. Empty removes it."


def _described(declared: Field, **more: Any) -> dict[str, Any]:
    return {"title": declared.label, "description": declared.help, **more}


def _text(declared: Field) -> fields.Field[Any]:
    line = validate.Regexp(ONE_LINE, error="Control characters are not allowed.")
    described = _described(declared)
    if declared.is_secret:
        described["description"] += " " + SECRET_HELP
    return Text(validate=[validate.Length(max=TEXT_LENGTH), line], metadata=described)


def _ranged(kind: type[Whole] | type[Number]) -> Callable[[Field], fields.Field[Any]]:
    def make(declared: Field) -> fields.Field[Any]:
        limits = validate.Range(declared.minimum, declared.maximum)
        return kind(validate=limits, metadata=_described(declared))

    return make


MAKERS: Mapping[Kind, Callable[[Field], fields.Field[Any]]] = {
    Kind.BOOLEAN: lambda declared: Flag(metadata=_described(declared)),
    Kind.INTEGER: _ranged(Whole),
    Kind.DECIMAL: _ranged(Number),
    Kind.TEXT: _text,
    Kind.SECRET: _text,
    # The service says what is an address; the pattern is for readers of the document.
    Kind.ADDRESS: lambda declared: Text(
        metadata=_described(declared, pattern=ADDRESS, maxLength=TEXT_LENGTH)
    ),
    Kind.CHOICE: lambda declared: Text(metadata=_described(declared, **{OFFERED: declared.choices})),
}


class ValuesBody(Schema):
    """Values by field name, none of them required."""

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


@cache
def schemas_of(entry: Entry) -> tuple[type[Schema], type[Schema]]:
    """Return what may be sent for an entry, and what is answered."""
    name = "".join(part.capitalize() for part in entry.key.split("-"))
    made: dict[str, Any] = {field.name: MAKERS[field.kind](field) for field in entry.fields}
    values = ValuesBody.from_dict(made, name=f"{name}ValuesSchema")
    sent = Body.from_dict(
        {
            "values": fields.Nested(values, required=True),
            "version": Whole(
                validate=validate.Range(0, LARGEST_VERSION),
                metadata={"description": "The version that was read; another one by now is a 409."},
            ),
        },
        name=f"{name}ChangeSchema",
    )
    answered = Schema.from_dict(
        {
            "entry": fields.String(required=True),
            "scope": fields.Enum(Level, by_value=True, required=True),
            "source": fields.Enum(
                Source, by_value=True, required=True, metadata={"description": "Where the values come from."}
            ),
            "version": fields.Integer(
                required=True, metadata={"description": "0 when nothing is saved here."}
            ),
            "values": fields.Nested(values, required=True),
        },
        name=f"{name}ConfigurationSchema",
    )
    return sent, answered


def configuration_answer(resolved: Resolved, level: Level) -> dict[str, object]:
    """Return what the API says of an entry at a level."""
    return {
        "entry": resolved.entry.key,
        "scope": level,
        "source": resolved.source,
        "version": own_version(resolved),
        "values": readable_values(resolved),
    }
