"""The paper's printed table, which is quoted beside our figures.

Zelensky, Pismenskova, Voronin, Proceedings of TUSUR 21(3), 2018, 57-62: share of correct labels
among the top five on CIFAR-100. Not a target: its 128-bit column seems to come from another setup.
"""

from __future__ import annotations

QUOTED_DATASET = "cifar100"
"""The data set of the printed table; beside figures of another one, quotes would mislead."""

BITS = (32, 48, 64, 128)

PROPOSED = "autoencoder"
"""Our name for the paper's "Proposed"."""

RIVALS = ("lsh", "bre", "pcah", "sh", "sph", "kmh", "splh", "dh", "sdh", "dlbhc")
"""Every method that may be meant by one of the paper's seven rivals."""

_PRINTED: dict[str, tuple[float, float, float, float]] = {
    "Proposed": (45.18, 49.34, 53.08, 66.47),
    "KMH": (32.12, 33.29, 35.78, 60.43),
    "Spherical": (24.11, 30.77, 34.75, 49.48),
    "SH": (27.32, 25.72, 24.10, 56.29),
    "PCAN": (28.15, 24.85, 21.47, 56.56),
    "LSH": (20.82, 25.83, 31.71, 37.77),
    "DH": (43.12, 44.97, 46.74, 66.89),
    "SPLH": (43.20, 48.29, 48.34, 62.98),
}

_ROW_OF_METHOD: dict[str, str] = {
    "autoencoder": "Proposed",
    "kmh": "KMH",
    "sph": "Spherical",
    "sh": "SH",
    "pcah": "PCAN",
    "lsh": "LSH",
    "bre": "LSH",
    "dh": "DH",
    "sdh": "DH",
    "dlbhc": "DH",
    "splh": "SPLH",
}

AMBIGUITIES = (
    'The printed row "LSH" carries the reference of BRE, and "DH" may mean Liong et al. 2015 or '
    "DLBHC; such a row is quoted beside each method that it may mean."
)


def printed_precision_at_5(method: str, bits: int) -> float | None:
    """Return the paper's precision at 5 in the row that may mean ``method``, or None.

    Examples
    --------
    >>> printed_precision_at_5("autoencoder", 64)
    0.5308
    >>> printed_precision_at_5("itq", 64) is None, printed_precision_at_5("kmh", 40) is None
    (True, True)
    """
    row = _ROW_OF_METHOD.get(method)
    if row is None or bits not in BITS:
        return None
    return round(_PRINTED[row][BITS.index(bits)] / 100, 4)


def printed_row(method: str) -> tuple[str, tuple[float, ...]] | None:
    """Return the name and the percentages of the row that may mean ``method``, or None."""
    row = _ROW_OF_METHOD.get(method)
    return None if row is None else (row, _PRINTED[row])
