"""Classes that are mistaken for one another, exact under ties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hashlens.arrays import AnyLabels, Codes, Doubles, Labels
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.evaluation.precision import Boundary, boundary_at_k
from hashlens.labels import images_per_class, label_set
from hashlens.native import scan

_CELLS = 2_000_000
"""Number of answers in memory at a time: some tens of megabytes."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Wrong answers of one class to queries of another class.

    Attributes
    ----------
    asked, answered : int
        The label of the query and that of the answer.
    share : float
        Share of the first k answers to all queries of the class, in (0, 1].
    answers : float
        Their expected number, which need not be an integer.
    """

    asked: int
    answered: int
    share: float
    answers: float


def confusions(
    histograms: DistanceHistograms,
    query_codes: Codes,
    query_labels: AnyLabels,
    database_codes: Codes,
    database_labels: AnyLabels,
    k: int = 5,
) -> list[Confusion]:
    """Return the classes of wrong answers among the first ``k``, the most frequent first.

    Every item nearer than the k-th neighbor is an answer; the items that tie with it share the
    remaining places. With one label per image, the shares of a class add up to 1 − its precision at
    k. With several, an answer that shares no label counts for each pair of labels.

    Parameters
    ----------
    histograms : DistanceHistograms
        The histograms of these codes and labels, see `hamming_histograms`.
    query_codes, database_codes : uint8 arrays of shape (queries, bytes) and (items, bytes)
    query_labels, database_labels : int arrays of shape (queries,) and (items,)
        Labels from 0; or tables of labels, 0 and 1, of shape (queries, C) and (items, C).
    k : int

    Raises
    ------
    ParameterError
        If ``k`` is out of range.

    Examples
    --------
    >>> from hashlens.codes import pack
    >>> from hashlens.evaluation.histograms import hamming_histograms
    >>> codes, labels = pack([[0] * 8, [0] * 8, [1] * 8]), np.array([3, 4, 3])
    >>> sides = (codes[:1], labels[:1], codes, labels)
    >>> confusions(hamming_histograms(*sides, bits=8), *sides, k=1)
    [Confusion(asked=3, answered=4, share=0.5, answers=0.5)]
    """
    at = boundary_at_k(histograms, k)
    sets, number = _label_sets(query_labels, database_labels)
    query_set, item_set = number[: len(query_labels)], number[len(query_labels) :]
    answers: dict[tuple[int, int], float] = {}
    pairs = _answers_by_set(at, query_codes, query_set, database_codes, item_set, len(sets))
    for (asked, answered), count in pairs.items():
        if set(sets[asked]).isdisjoint(sets[answered]):
            for pair in ((a, b) for a in sets[asked] for b in sets[answered]):
                answers[pair] = answers.get(pair, 0.0) + count
    places = k * images_per_class(query_labels, 1 + max(map(max, sets)))
    found = [
        Confusion(a, b, count / int(places[a]), count) for (a, b), count in answers.items() if count
    ]
    return sorted(found, key=lambda one: (-one.answers, one.asked, one.answered))


def _label_sets(query: AnyLabels, database: AnyLabels) -> tuple[list[tuple[int, ...]], Labels]:
    """Return the sets of labels that occur, and the index of each image's set, queries first."""
    labels = np.concatenate([query, database])
    rows = labels if labels.ndim == 1 else np.packbits(labels, axis=1)
    _, firsts, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return [label_set(labels, int(first)) for first in firsts], number.ravel().astype(np.int64)


def _answers_by_set(
    at: Boundary,
    query_codes: Codes,
    query_set: Labels,
    database_codes: Codes,
    item_set: Labels,
    sets: int,
) -> dict[tuple[int, int], float]:
    """Return the number of answers by the sets of labels of query and answer."""
    # Queries with the same code and set have the same answers, which are looked up once.
    rows, repeats = _distinct(query_codes, query_set)
    sums: dict[tuple[int, int], float] = {}
    for some, items, chance in _answers(at, query_codes, database_codes, rows):
        weights = chance * repeats[some][:, None]
        keys = query_set[rows[some]][:, None] * sets + item_set[items]
        distinct, place = np.unique(keys, return_inverse=True)
        totals = np.bincount(place.ravel(), weights.ravel())
        for key, total in zip(distinct.tolist(), totals.tolist(), strict=True):
            pair = divmod(key, sets)
            sums[pair] = sums.get(pair, 0.0) + total
    return sums


def _distinct(codes: Codes, sets: Labels) -> tuple[Labels, Labels]:
    """Return a row for each distinct pair of code and set, and the number of its repeats."""
    pairs = np.column_stack([codes, sets.astype("<i8")[:, None].view(np.uint8)])
    _, rows, repeats = np.unique(pairs, axis=0, return_index=True, return_counts=True)
    return rows.astype(np.int64), repeats.astype(np.int64)


def _answers(
    at: Boundary, query_codes: Codes, database_codes: Codes, rows: Labels
) -> Iterator[tuple[Labels, Labels, Doubles]]:
    """Yield places in ``rows``, the items that may be among their answers, and the probabilities.

    Queries with fewer items than others are padded with a probability of 0.
    """
    reached, levels = (at.before + at.tied)[rows], at.level[rows]
    for level in np.unique(levels):
        # Sorted by number of items, because a block is padded to its largest number.
        there = np.flatnonzero(levels == level)
        there = there[np.argsort(reached[there], kind="stable")]
        while len(there):
            cells = reached[there] * np.arange(1, len(there) + 1)
            fitting = max(1, int(np.searchsorted(cells, _CELLS, side="right")))
            some, there = there[:fitting], there[fitting:]
            asked = query_codes[rows[some]]
            items, distances, counts = scan(database_codes, asked, None, radius=int(level))
            tied = (at.open_places / at.tied)[rows[some]][:, None]
            chance = np.where(distances < level, 1.0, tied)
            chance[np.arange(items.shape[1]) >= counts[:, None]] = 0.0
            yield some, items, chance
