"""Characters that change how a terminal or a log viewer shows the text around them.

They are the control characters C0, DEL and C1 (an ESC or a CSI begins a terminal's command), line and paragraph
separators (they begin a new line), and Unicode's invisible characters for direction and hidden text (they let a text
look like another one). Source: ISO/IEC 6429 for controls; Unicode Standard Annex 9 and the Unicode category Cf for
the rest. Joiners (U+200C and U+200D) are left alone, because Persian words and many emoji need them.
"""

import re

_CONTROLS = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_CONTROL = re.compile(f"[{_CONTROLS}]")
_CONTROL_BUT_LAYOUT = re.compile(f"(?![\\n\\t])[{_CONTROLS}]")


def has_control_characters(text: str) -> bool:
    """Return whether a text holds a control character, a line end or a tab included."""
    return _CONTROL.search(text) is not None


def escape_control_characters(text: str, *, keep_layout: bool = False) -> str:
    r"""Return the text with each control character as `\uXXXX`, as JSON writes it.

    With `keep_layout`, line ends (LF) and tabs stay, for a text that has lines of its own.
    """
    return (_CONTROL_BUT_LAYOUT if keep_layout else _CONTROL).sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    # Beyond the first 65,536 characters, JSON has a pair of code units.
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
