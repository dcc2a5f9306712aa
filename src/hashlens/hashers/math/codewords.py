"""Well-separated codewords, one per class: Hadamard rows, searched linear codes, sifted words."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Rows, Signs

RESTARTS = 8
EXCHANGES = 400
COLUMNS_PER_EXCHANGE = 256
"""Effort of the search for a linear code; more finds no larger distance for 100 classes."""

LARGEST_DIMENSION = 11
"""Dimension of the largest linear code searched for; it has 2048 words."""

BLOCK = 1024
"""Number of words compared with all others at a time."""


def separated_codewords(classes: int, bits: int, random_state: int | None = 0) -> Signs:
    """Return the codewords with the largest minimum distance among the constructions here.

    Parameters
    ----------
    classes : int
        Number of codewords, at least 2.
    bits : int
        Their length.
    random_state : int or None, default 0
        Seed of the searches and of the assignment of words to classes.

    Returns
    -------
    int8 array of shape (classes, bits), entries −1 and 1

    Examples
    --------
    >>> words = separated_codewords(100, 64)
    >>> words.shape, minimum_distance(words)
    ((100, 64), 32)
    """
    rng = np.random.default_rng(random_state)
    hadamard = hadamard_codewords(classes, bits, rng)
    if hadamard is not None and classes > bits:
        return hadamard  # nothing is better, see there
    linear = linear_codewords(classes, bits, rng)
    if linear is None and hadamard is None:
        return sifted_codewords(classes, bits, rng)
    found = [hadamard, linear, random_codewords(classes, bits, rng)]
    return max((words for words in found if words is not None), key=minimum_distance)


def minimum_distance(words: Signs) -> int:
    """Return the smallest Hamming distance between two rows; 0 if some are equal.

    Examples
    --------
    >>> minimum_distance(np.int8([[1, 1, 1], [1, -1, -1], [-1, 1, -1]]))
    2
    """
    floats = words.astype(np.float32)
    nearest = -math.inf
    for start in range(0, len(words), BLOCK):
        products = floats[start : start + BLOCK] @ floats.T
        rows = np.arange(len(products))
        products[rows, start + rows] = -np.inf
        nearest = max(nearest, float(products.max()))
    return int((words.shape[1] - nearest) // 2)


def random_codewords(classes: int, bits: int, rng: np.random.Generator) -> Signs:
    """Return words of random bits: the usual choice, far from the best."""
    return rng.choice(np.array([-1, 1], dtype=np.int8), size=(classes, bits))


def sifted_codewords(classes: int, bits: int, rng: np.random.Generator) -> Signs:
    """Return random words, each kept only if it is far enough from all kept before.

    Far enough is the largest distance d at which, by Gilbert's argument, half of the last draws
    are still kept: the balls of radius d − 1 around the kept words cover at most half of all
    words. This takes a second for 10,000 classes.

    Examples
    --------
    >>> minimum_distance(sifted_codewords(3000, 32, np.random.default_rng(0)))
    6
    """
    distance = _gilbert_distance(classes, bits)
    kept = np.empty((0, bits), np.float32)
    while len(kept) < classes:
        drawn = random_codewords(BLOCK, bits, rng).astype(np.float32)
        # Two words agree in (bits + product) / 2 places, and differ in the others.
        least = bits - 2 * distance
        drawn = drawn[((drawn @ kept.T) <= least).all(axis=1)]
        near = np.tril(drawn @ drawn.T > least, -1)
        alone = np.ones(len(drawn), dtype=bool)
        for row in np.flatnonzero(near.any(axis=1)):
            alone[row] = not (near[row] & alone).any()
        kept = np.concatenate([kept, drawn[alone]])
    return kept[:classes].astype(np.int8)


def _gilbert_distance(classes: int, bits: int) -> int:
    """Return the largest d ≥ 1 with classes · Σ_{i<d} C(bits, i) ≤ 2^bits / 2, or 1."""
    ball, distance = 1 + bits, 1
    while classes * ball <= 2 ** (bits - 1):
        distance += 1
        ball += math.comb(bits, distance)
    return distance


def hadamard_codewords(classes: int, bits: int, rng: np.random.Generator) -> Signs | None:
    """Return rows of a Hadamard matrix and complements of some: all distances are bits/2 or bits.

    By Plotkin's bound, at most ``bits`` words can be further apart. None if there are more than
    2·bits classes or `hadamard_matrix` has no matrix of this order.
    """
    matrix = hadamard_matrix(bits) if classes <= 2 * bits else None
    if matrix is None:
        return None
    # A row and its complement are equally far from other rows; the choice balances the bits.
    rows = matrix[rng.permutation(bits)] * rng.choice(np.array([-1, 1], np.int8), (bits, 1))
    words = np.concatenate([rows, -rows])[:classes]
    return np.asarray(rng.permutation(words))


def hadamard_matrix(order: int) -> Signs | None:
    """Return a ±1 matrix with orthogonal rows by Sylvester's and Paley's constructions, or None.

    Examples
    --------
    >>> hadamard_matrix(2).tolist()
    [[1, 1], [1, -1]]
    >>> H = hadamard_matrix(48).astype(int)
    >>> bool((H @ H.T == 48 * np.eye(48)).all())
    True
    """
    if order == 1:
        return np.ones((1, 1), dtype=np.int8)
    q = order - 1
    if q % 4 == 3 and all(q % d for d in range(2, int(q**0.5) + 1)):
        # Paley: with Q_ij the Legendre symbol of i − j modulo q, H = I + [[0, 1ᵀ], [−1, Q]].
        residues = np.zeros(q, dtype=bool)
        residues[np.arange(1, q) ** 2 % q] = True
        difference = (np.arange(q)[:, None] - np.arange(q)) % q
        matrix = np.ones((order, order), dtype=np.int8)
        matrix[1:, 0] = -1
        matrix[1:, 1:] = np.where(residues[difference], 1, -1)
        np.fill_diagonal(matrix, 1)
        return matrix
    half = hadamard_matrix(order // 2) if order % 2 == 0 else None
    return None if half is None else np.block([[half, half], [half, -half]]).astype(np.int8)


def linear_codewords(classes: int, bits: int, rng: np.random.Generator) -> Signs | None:
    """Return words of a binary linear code of the smallest sufficient dimension.

    The minimum distance of a linear code is its smallest weight, which the search raises by
    exchanging columns of the generator matrix. None if the code would have over 2048 words.
    """
    dimension = max(1, (classes - 1).bit_length())
    if dimension > LARGEST_DIMENSION:
        return None
    columns = max(
        (_search_columns(dimension, bits, rng) for _ in range(RESTARTS)), key=lambda c: c[0]
    )
    words = _parity_table(dimension)[:, columns[1]]
    chosen = rng.permutation(len(words))[:classes]
    # Adding a random word to all preserves distances, and no class is stuck with all zeros.
    shift = rng.integers(0, 2, bits, dtype=np.int8)
    return np.asarray(2 * (words[chosen] ^ shift) - 1, dtype=np.int8)


def _parity_table(dimension: int) -> npt.NDArray[np.int8]:
    """Return the parity of m AND c for all messages m and columns c: (2^k, 2^k)."""
    numbers = np.arange(2**dimension)
    return (np.bitwise_count(numbers[:, None] & numbers) & 1).astype(np.int8)


def _search_columns(
    dimension: int, bits: int, rng: np.random.Generator
) -> tuple[tuple[int, int], Rows]:
    """Return ((smallest weight, −words of that weight), columns) after a walk of exchanges.

    A column is exchanged for the best other one even if that is no improvement: such sideways
    steps lead out of plateaus.
    """
    table = _parity_table(dimension)[1:]  # the zero message has weight zero
    columns = rng.integers(1, 2**dimension, bits)
    weights = table[:, columns].sum(axis=1, dtype=np.int16)
    best, best_columns = _score(weights), columns.copy()
    for place in rng.integers(0, bits, EXCHANGES):
        rest = weights - table[:, columns[place]]
        tried = rng.permutation(2**dimension - 1)[:COLUMNS_PER_EXCHANGE] + 1
        candidates = rest[:, None] + table[:, tried]
        least = candidates.min(axis=0)
        top = np.flatnonzero(least == least.max())
        ties = (candidates[:, top] == least.max()).sum(axis=0)
        chosen = top[np.argmin(ties)]
        if (least[chosen], -ties.min()) < _score(weights):
            continue
        columns[place], weights = tried[chosen], candidates[:, chosen]
        if (score := _score(weights)) > best:
            best, best_columns = score, columns.copy()
    return best, best_columns


def _score(weights: npt.NDArray[np.int16]) -> tuple[int, int]:
    least = int(weights.min())
    return least, -int((weights == least).sum())
