"""Evaluation protocols: which images train the hasher, form the database, and are the queries.

A protocol is a pure function of labels and a seed, so a table of results can be reproduced from
the protocol's name and seed alone. Each protocol also defines how to choose hyper-parameters:
`selection_split` applies the same protocol inside the part that trains the hasher.

If images have several labels, `heldout` divides the images at random, and `unseen` leaves out
images that have labels of both kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Labels, Rows
from hashlens.errors import DataError, ParameterError
from hashlens.labels import check_any_labels, occurring

ProtocolName = Literal["standard", "heldout", "unseen"]
PROTOCOLS: tuple[ProtocolName, ...] = ("standard", "heldout", "unseen")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The rows of the images in each of the three roles of an evaluation.

    Attributes
    ----------
    protocol : {"standard", "heldout", "unseen"}
    seed : int
        Seed that the parts were drawn with; `standard` draws nothing.
    fit : int64 array, sorted
        Rows of the training set that the hasher learns from.
    database : int64 array, sorted
        Rows of the training set that are searched.
    query : int64 array, sorted
        Rows of the queries, in the test set or, for a selection split, in the training set.
    query_from : {"test", "train"}
        The set that ``query`` refers to.
    """

    protocol: ProtocolName
    seed: int
    fit: Rows
    database: Rows
    query: Rows
    query_from: Literal["test", "train"]

    def describe(self) -> str:
        """Return one line that names the training images, the database and the queries."""
        # Only roles: a model of other data was trained on none of these images.
        overlap = "of these" if np.isin(self.database, self.fit).all() else "none of these"
        return (
            f"{self.protocol}: {len(self.fit):,} to train on, database {len(self.database):,} "
            f"({overlap}), {len(self.query):,} queries of the {self.query_from} set, "
            f"split seed {self.seed}"
        )


def standard(train_labels: npt.ArrayLike, test_labels: npt.ArrayLike, seed: int = 0) -> Split:
    """Train on the training set and search it with the test set, as in the paper.

    The database's labels were seen in training, so this is close to plain classification.

    Examples
    --------
    >>> split = standard([0, 0, 1, 1], [0, 1])
    >>> split.fit, split.database, split.query
    (array([0, 1, 2, 3]), array([0, 1, 2, 3]), array([0, 1]))
    """
    train = _checked(train_labels, "train_labels")
    test = _checked(test_labels, "test_labels")
    rows = np.arange(len(train))
    return Split("standard", seed, rows, rows, np.arange(len(test)), "test")


def heldout(
    train_labels: npt.ArrayLike,
    test_labels: npt.ArrayLike,
    seed: int = 0,
    database_share: float = 0.2,
) -> Split:
    """Train on one part of every class in the training set and search the other part.

    Examples
    --------
    >>> split = heldout([0] * 5 + [1] * 5, [0, 1], seed=3)
    >>> len(split.fit), len(split.database), np.intersect1d(split.fit, split.database)
    (8, 2, array([], dtype=int64))
    """
    train = _checked(train_labels, "train_labels")
    test = _checked(test_labels, "test_labels")
    rng = np.random.default_rng(seed)
    fit, database = _stratified(train, np.arange(len(train)), database_share, rng)
    return Split("heldout", seed, fit, database, np.arange(len(test)), "test")


def unseen(
    train_labels: npt.ArrayLike,
    test_labels: npt.ArrayLike,
    seed: int = 0,
    unseen_share: float = 0.25,
) -> Split:
    """Train on some classes; database and queries are images of the other classes.

    The right protocol for a hash that will meet classes its trainer never labeled, after
    Sablayrolles, Douze, Usunier, Jégou, "How should we evaluate supervised hashing?", 2017,
    arXiv 1609.06753.

    Examples
    --------
    >>> split = unseen([0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3], seed=0)
    >>> len(split.fit), len(split.database), len(split.query)
    (4, 4, 2)
    """
    train = _checked(train_labels, "train_labels")
    test = _checked(test_labels, "test_labels")
    hidden = _draw_classes(train, unseen_share, np.random.default_rng(seed))
    shown = np.setdiff1d(occurring(train), hidden)
    fit, database, queries = _of(train, shown), _of(train, hidden), _of(test, hidden)
    if not len(fit) or not len(database) or not len(queries):
        raise DataError(
            f"The unseen protocol drew the classes {hidden.tolist()}, which leaves a part "
            f"with no image: {len(database)} training and {len(queries)} test images belong to "
            f"these classes alone, {len(fit)} training images to the others. Expected images of "
            "every class in both sets."
        )
    return Split("unseen", seed, fit, database, queries, "test")


def make_split(
    protocol: str, train_labels: npt.ArrayLike, test_labels: npt.ArrayLike, seed: int = 0
) -> Split:
    """Return the split of a protocol, given by its name.

    Raises
    ------
    ParameterError
        If there is no protocol of that name.
    DataError
        If there are too few labels to divide.
    """
    functions: dict[str, Callable[..., Split]] = {
        "standard": standard,
        "heldout": heldout,
        "unseen": unseen,
    }
    if protocol not in functions:
        raise ParameterError(
            f"The protocol must be one of {', '.join(PROTOCOLS)}. Got {protocol!r} instead."
        )
    return functions[protocol](train_labels, test_labels, seed)


def selection_split(
    split: Split, train_labels: npt.ArrayLike, seed: int = 0, share: float = 0.2
) -> Split:
    """Apply a split's protocol inside ``split.fit``, to choose hyper-parameters.

    All its rows, queries included, are rows of the training set within ``split.fit``, so neither
    the test set nor a held-out database influences a choice.

    Parameters
    ----------
    split : Split
        The split that will be reported.
    train_labels : int array of shape (n,)
        Labels of the whole training set.
    seed : int
    share : float
        Share of ``split.fit`` that is held out. `standard` and `heldout` take it from every class;
        `unseen` takes whole classes, so that candidates are compared on classes that they have
        not seen.

    Examples
    --------
    >>> labels = np.repeat([0, 1, 2, 3], 10)
    >>> inner = selection_split(standard(labels, [0, 1]), labels)
    >>> len(inner.fit), len(inner.database), len(inner.query), inner.query_from
    (32, 32, 8, 'train')
    """
    labels = _checked(train_labels, "train_labels")
    rng = np.random.default_rng([seed, split.seed])
    if split.protocol == "unseen":
        hidden = _draw_classes(labels[split.fit], share, rng)
        shown = np.setdiff1d(occurring(labels[split.fit]), hidden)
        fit, kept = (split.fit[_of(labels[split.fit], classes)] for classes in (shown, hidden))
        database, query = _stratified(labels, kept, 1 / 6, rng)
    else:
        fit, kept = _stratified(labels, split.fit, share, rng)
        database, query = fit, kept
        if split.protocol == "heldout":
            database, query = _stratified(labels, kept, 1 / 3, rng)
    return Split(split.protocol, seed, fit, database, query, "train")


def choice_rows(split: Split, train_labels: AnyLabels, validation_labels: AnyLabels) -> Rows:
    """Return the rows of a validation part whose labels are all among those trained on."""
    return _of(validation_labels, occurring(train_labels[split.fit]))


def _checked(labels: npt.ArrayLike, name: str) -> AnyLabels:
    array = np.asarray(labels)
    if array.ndim == 2 and len(array):
        return check_any_labels(array, len(array), f"A protocol's {name}")
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
        raise DataError(
            f"A protocol expects {name} to be integers of shape (n,), n > 0. "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    return array.astype(np.int64)


def _of(labels: AnyLabels, classes: Labels) -> Rows:
    """Return the rows whose labels are all among ``classes``, ascending."""
    if labels.ndim == 1:
        return np.flatnonzero(np.isin(labels, classes))
    others = np.ones(labels.shape[1], dtype=bool)
    others[classes] = False
    return np.flatnonzero(~labels[:, others].any(axis=1))


def _stratified(
    labels: AnyLabels, rows: Rows, share: float, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Divide ``rows`` in two, with ``share`` of each class (of all, for a table) in the second."""
    if not 0 < share < 1:
        raise ParameterError(f"A share must be between 0 and 1, exclusive. Got {share!r}.")
    if labels.ndim == 2:
        labels = np.zeros(len(labels), dtype=np.int64)
    second = []
    for label in np.unique(labels[rows]):
        of_class = rows[labels[rows] == label]
        count = round(share * len(of_class))
        if not 0 < count < len(of_class):
            raise DataError(
                f"Class {label} has {len(of_class)} images, too few to hold out a share of "
                f"{share:.3g}. Expected enough for at least one image on either side."
            )
        second.append(rng.permutation(of_class)[:count])
    chosen = np.sort(np.concatenate(second))
    return np.setdiff1d(rows, chosen), chosen


def _draw_classes(labels: AnyLabels, share: float, rng: np.random.Generator) -> Labels:
    """Draw the classes that are kept unseen: ``share`` of them, at least two on either side.

    With a single class, every answer would be right.
    """
    if not 0 < share < 1:
        raise ParameterError(f"A share must be between 0 and 1, exclusive. Got {share!r}.")
    classes = occurring(labels)
    count = max(2, round(share * len(classes)))
    if len(classes) - count < 2:
        raise DataError(
            f"Holding out {count} of {len(classes)} classes leaves fewer than two to train on. "
            "Expected at least 4 classes."
        )
    return np.sort(rng.permutation(classes)[:count])
