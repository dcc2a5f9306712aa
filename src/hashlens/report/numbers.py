"""Figures as people read them."""

from __future__ import annotations

from typing import Any

NONE = "–"


def percent(share: float | None) -> str:
    r"""Return a share in [0, 1] in percent.

    Examples
    --------
    >>> percent(0.8123), percent(None)
    ('81.23\xa0%', '–')
    """
    return NONE if share is None else f"{100 * share:.2f}\N{NO-BREAK SPACE}%"


def count(number: float | None) -> str:
    """Return a number of things: whole, with thousands apart."""
    return NONE if number is None else f"{number:,.0f}"


def decimal(value: float | None, places: int = 3) -> str:
    """Return a plain number; whole ones without decimals."""
    return NONE if value is None else f"{value:,.{places if isinstance(value, float) else 0}f}"


def seconds(value: float | None) -> str:
    r"""Return a time in the unit that suits it.

    Examples
    --------
    >>> [seconds(value).replace("\xa0", " ") for value in (2e-6, 0.0061, 12.34, 300, 7500)]
    ['2.0 µs', '6.1 ms', '12.3 s', '5 min 0 s', '2 h 5 min']
    """
    space = "\N{NO-BREAK SPACE}"
    if value is None:
        return NONE
    if value >= 3600:
        return f"{value // 3600:.0f}{space}h {value % 3600 // 60:.0f}{space}min"
    if value >= 60:
        return f"{value // 60:.0f}{space}min {value % 60:.0f}{space}s"
    for limit, unit in ((1.0, "s"), (1e-3, "ms")):
        if value >= limit:
            return f"{value / limit:.1f}{space}{unit}"
    return f"{value / 1e-6:.1f}{space}µs"


def file_size(size: float) -> str:
    r"""Return a number of bytes in the unit that suits it.

    Examples
    --------
    >>> [file_size(size).replace("\xa0", " ") for size in (8, 5120, 13_300_000)]
    ['8 bytes', '5.1 kB', '13.3 MB']
    """
    space = "\N{NO-BREAK SPACE}"
    if size < 1000:
        return f"{size:,.0f}{space}bytes"
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f}{space}{unit}"
    return f"{size / 1000:,.1f}{space}GB"


def shown(value: Any) -> str:
    """Return a setting's value: text as it is, parameters as ``name=value``."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner!r}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(shown(inner) for inner in value)
    return NONE if value in (None, "") else str(value)
