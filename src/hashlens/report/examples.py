"""Example queries with their first five answers: the worst, the best, and a random sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Labels
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.described import DescribedDataset
from hashlens.labels import label_set, rarest_label
from hashlens.model.protocol_search import Search
from hashlens.native import scan
from hashlens.report.search_figures import K

COUNTS = {"worst": 8, "best": 4, "random": 6}
"""Number of queries of each kind: failures teach the most."""


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """The first answers to every query, and which of them are right: arrays (queries, K)."""

    rows: Labels
    distances: npt.NDArray[np.int32]
    right: npt.NDArray[np.bool_]


def example_figures(
    search: Search, data: DescribedDataset, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Return queries and their first answers, by kind: ``worst``, ``best`` and ``random``.

    Tied answers are in random order, as the figures assume. The worst and the best are from
    different classes as far as possible; the random sample shows what is usual.

    Parameters
    ----------
    search : Search
    data : DescribedDataset
        The data that was searched.
    seed : int
        Seed of the random sample and of the order of ties.
    """
    rng = np.random.default_rng(seed)
    answers = _first_answers(search, rng)
    share = answers.right.mean(axis=1)
    shuffled = rng.permutation(len(share))
    by_share = shuffled[np.argsort(share[shuffled], kind="stable")]
    label = rarest_label(search.query_labels)
    chosen = {
        "worst": _spread(by_share[share[by_share] < 1], label),
        "best": _spread(by_share[::-1][share[by_share[::-1]] > 0], label),
        "random": shuffled,
    }
    return {
        kind: [_example(search, data, answers, int(row)) for row in chosen[kind][:count]]
        for kind, count in COUNTS.items()
    }


def _first_answers(search: Search, rng: np.random.Generator) -> _Answers:
    # A scan orders ties by id, so random ids give ties a random order.
    ids = rng.permutation(len(search.database_codes)).astype(np.int64)
    k = min(K, len(ids))
    found, distances, _ = scan(
        search.database_codes, search.query_codes, k, ids=ids, ascending=False
    )
    rows = np.argsort(ids)[found]
    asked, held = search.query_labels, search.database_labels
    if asked.ndim == 1:
        right = held[rows] == asked[:, None]
    else:
        right = (held[rows] & asked[:, None, :]).any(axis=2)
    return _Answers(rows, distances, right)


def _spread(rows: Labels, label: Labels) -> Labels:
    """Put the first row of every label before the second row of any, and so on."""
    seen: dict[int, int] = {}
    turn = []
    for one in label[rows].tolist():
        turn.append(seen.get(one, 0))
        seen[one] = turn[-1] + 1
    return rows[np.argsort(np.array(turn, np.int64), kind="stable")]


def _example(search: Search, data: DescribedDataset, answers: _Answers, row: int) -> dict[str, Any]:
    query = _image(data, "test", int(search.split.query[row]))
    found = [
        _image(data, "train", int(search.split.database[item]))
        | {"distance": int(distance), "right": bool(right)}
        for item, distance, right in zip(
            answers.rows[row], answers.distances[row], answers.right[row], strict=True
        )
    ]
    return {"query": query, "right": float(answers.right[row].mean()), "answers": found}


def _image(data: DescribedDataset, part: str, row: int) -> dict[str, Any]:
    """Return part, index, name and classes of the image in a row of the described part."""
    described = data.train if part == "train" else data.test
    index = row if described.indices is None else int(described.indices[row])
    name = f"image {index} of the {part} part"
    if data.dataset is not None:
        name = _part(data.dataset, part).name(index)
    classes = [data.classes[label] for label in label_set(described.labels, row)]
    return {"part": part, "index": index, "name": name, "classes": classes}


def _part(dataset: Dataset, part: str) -> LabeledImages:
    return dataset.train if part == "train" else dataset.test
