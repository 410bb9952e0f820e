"""How a tag's name may look, as the service has it, in words that JSON Schema knows."""

import re

from marshmallow import validate

from autotag.blueprints.api.fields import Text
from autotag.tagging.policy import FORBIDDEN_CHARACTERS, NAME_LENGTH

# Characters that nobody sees, Unicode's categories Cc and Cf, as the service refuses them; white space is collapsed.
UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f\\xad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"
    "\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
FORBIDDEN = re.sub(r"([\[\]\\])", r"\\\1", "".join(sorted(FORBIDDEN_CHARACTERS)))
LETTER = f"[^{FORBIDDEN}{UNSEEN}]"
# White space, a letter, and then anything: one way only to match, because marshmallow also asks for names of 1 MB.
NAME_PATTERN = f"^[^{FORBIDDEN}{UNSEEN}\\S]*[^{FORBIDDEN}{UNSEEN}\\s]{LETTER}*$"
LIST_PATTERN = f"^{LETTER}{{0,{NAME_LENGTH}}}(,{LETTER}{{0,{NAME_LENGTH}}})*$"


def tag_name_field(*, required: bool = False) -> Text:
    """Return the field of a tag's name."""
    return Text(
        validate=[
            validate.Length(1, NAME_LENGTH),
            validate.Regexp(NAME_PATTERN, error="This can be no tag."),
        ],
        metadata={"description": "A tag. Names that differ only in case are the same tag."},
        required=required,
    )
