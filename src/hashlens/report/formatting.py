"""Numbers and settings as people read them: the filters of the page's templates."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

NONE = "–"
_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float | None) -> str:
    r"""Return a share in [0, 1] as a percentage.

    Examples
    --------
    >>> percent(0.8123), percent(None)
    ('81.23\xa0%', '–')
    """
    return NONE if share is None else f"{100 * share:.2f}{_SPACE}%"


def whole(number: float | None) -> str:
    """Return a number rounded to an integer, with thousands separators.

    Examples
    --------
    >>> whole(50000)
    '50,000'
    """
    return NONE if number is None else f"{number:,.0f}"


def decimal(number: float | None, places: int = 3) -> str:
    """Return a number with this many decimal places, an integer without any.

    Examples
    --------
    >>> decimal(1234.56, 1), decimal(0.25), decimal(4)
    ('1,234.6', '0.250', '4')
    """
    return NONE if number is None else f"{number:,.{places if isinstance(number, float) else 0}f}"


def duration(seconds: float | None) -> str:
    r"""Return a time in the unit that suits it.

    Examples
    --------
    >>> [duration(time).replace("\xa0", " ") for time in (2e-6, 0.0061, 12.34, 300, 7500)]
    ['2.0 µs', '6.1 ms', '12.3 s', '5 min 0 s', '2 h 5 min']
    """
    if seconds is None:
        return NONE
    if seconds >= 3600:
        return f"{seconds // 3600:.0f}{_SPACE}h {seconds % 3600 // 60:.0f}{_SPACE}min"
    if seconds >= 60:
        return f"{seconds // 60:.0f}{_SPACE}min {seconds % 60:.0f}{_SPACE}s"
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.1f}{_SPACE}{unit}"
    return f"{seconds / 1e-6:.1f}{_SPACE}µs"


def file_size(size: int) -> str:
    r"""Return a number of bytes in the unit that suits it; 1 kB is 1,000 bytes.

    Examples
    --------
    >>> [file_size(size).replace("\xa0", " ") for size in (1, 8, 5120, 13_300_000)]
    ['1 byte', '8 bytes', '5.1 kB', '13.3 MB']
    """
    if size < 1000:
        return f"{size}{_SPACE}byte{'' if size == 1 else 's'}"
    power = 1
    while size >= 1000 ** (power + 1) and power < 4:
        power += 1
    return f"{size / 1000**power:,.1f}{_SPACE}{('kB', 'MB', 'GB', 'TB')[power - 1]}"


def setting(value: Any) -> str:
    """Return the value of a setting: text as it is, parameters as ``name=value``.

    Examples
    --------
    >>> setting({"margin": 0.5, "kind": "l2"}), setting([1, 2]), setting("")
    ("margin=0.5, kind='l2'", '1, 2', '–')
    """
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner!r}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(setting(inner) for inner in value)
    return NONE if value in (None, "") else str(value)


def file_name(path: str) -> str:
    """Return the last part of a path.

    Examples
    --------
    >>> file_name("cats/1.jpg")
    '1.jpg'
    """
    return PurePath(path).name
