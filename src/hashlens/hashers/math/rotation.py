"""Orthogonal rotations: a random one, and the one that loses least when its output is binarized."""

from __future__ import annotations

import numpy as np

from hashlens.arrays import Doubles, Floats


def random_rotation(size: int, rng: np.random.Generator) -> Doubles:
    """Return an orthogonal matrix (size, size), drawn uniformly.

    The Q of a QR decomposition of a normal matrix is uniform only after the signs of R's diagonal
    are moved into Q (Mezzadri 2007).
    """
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


def fit_rotation(V: Floats, start: Doubles, iterations: int) -> tuple[Doubles, Doubles]:
    """Return the rotation R that minimizes ‖sign(V R) − V R‖²_F, and the loss of every iteration.

    Each iteration sets B = sign(V R), then R to the orthogonal Procrustes solution for that B.
    Neither step can raise the loss.

    Parameters
    ----------
    V : float32 array of shape (n, K)
        Centered data.
    start : float64 array of shape (K, K)
        The orthogonal matrix to begin with.
    iterations : int
        How often B and R are updated.

    Returns
    -------
    rotation : float64 array of shape (K, K)
    losses : float64 array of shape (iterations + 1,)
        ‖sign(V R) − V R‖²_F / n.

    References
    ----------
    Y. Gong, S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes",
    CVPR 2011, section 2.
    """
    n, bits = V.shape
    energy = float(np.einsum("ij,ij->", V, V, dtype=np.float64))
    rotation = start
    losses = np.empty(iterations + 1)
    for turn in range(iterations + 1):
        rotated = V @ rotation.astype(np.float32)
        # ‖B − VR‖² = nK − 2 Σ|VR| + ‖V‖², since B = sign(VR) and R preserves lengths.
        losses[turn] = bits + (energy - 2 * np.abs(rotated).sum(dtype=np.float64)) / n
        if turn < iterations:
            signs = np.where(rotated > 0, np.float32(1), np.float32(-1))
            left, _, right = np.linalg.svd((V.T @ signs).astype(np.float64))
            rotation = left @ right
    return rotation, losses
