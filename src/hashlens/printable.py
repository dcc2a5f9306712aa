"""Names and other texts of strangers, made safe to show to people."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters, with which escape sequences begin
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # line breaks, and changes of direction
    "\ud800-\udfff"  # bytes that are not UTF-8
    "]"
)


def printable(text: str) -> str:
    r"""Return a text as one line that changes nothing but itself on a terminal.

    Escaped are control characters, line breaks, marks that change the direction of writing, and
    bytes that are not UTF-8 (surrogates, as `os.fsdecode` gives them). A backslash stays as it is:
    the result is for people, and can't be turned back.

    Examples
    --------
    >>> print(printable("two\nlines \x1b[31m caf\udce9"))
    two\nlines \x1b[31m caf\xe9
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
