"""Loss terms on relaxed codes ``h`` in (0, 1), one per function, averaged over the batch.

Equation numbers are those of Zelensky, Pismenskova, Voronin 2018.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional


def label_shares(labels: Tensor) -> Tensor:
    """Return the targets of a classifier's cross-entropy.

    Parameters
    ----------
    labels : int64 Tensor of shape (n,), or bool Tensor of shape (n, classes)

    Returns
    -------
    Tensor
        Single labels unchanged; for a table, 1/m for each of a sample's m labels: float
        (n, classes).
    """
    return labels if labels.ndim == 1 else labels / labels.sum(dim=1, keepdim=True)


def memberships(labels: Tensor, classes: int) -> Tensor:
    """Return 1 for the classes of each sample and 0 for others: (n, classes)."""
    return functional.one_hot(labels, classes) if labels.ndim == 1 else labels.long()


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the softmax cross-entropy, −log of the likelihood (12), per sample.

    Parameters
    ----------
    logits : Tensor of shape (n, classes)
    labels : int64 Tensor of shape (n,), or bool Tensor of shape (n, classes)
        Several labels of a sample share its weight equally.
    """
    return functional.cross_entropy(logits, label_shares(labels))


def reconstruction(x: Tensor, restored: Tensor) -> Tensor:
    """Return ‖x − x'‖², eq. (7), averaged over the batch (8); both have shape (n, D)."""
    return (x - restored).square().sum(dim=1).mean()


def weight_penalty(weights: Iterable[Tensor], p: int) -> Tensor:
    """Return ‖W‖_p^p, eqs. (9) to (11), summed over all weight matrices; p is 1 or 2."""
    return torch.stack([w.abs().pow(p).sum() for w in weights]).sum()


def balance(h: Tensor) -> Tensor:
    """Return how far bits are from being on half of the time: mean over bits of (2·mean(h) − 1)².

    The paper's constraint 2; 0 for balanced bits, 1 for constant ones. ``h`` is of shape (n, bits).
    """
    return (2 * h.mean(dim=0) - 1).square().mean()


def decorrelation(h: Tensor) -> Tensor:
    """Return the mean squared correlation between bits over the batch: the paper's constraint 3."""
    centered = h - h.mean(dim=0)
    scaled = centered / centered.square().sum(dim=0).clamp_min(1e-6).sqrt()
    correlation = scaled.T @ scaled
    bits = h.shape[1]
    off_diagonal = correlation.square().sum() - correlation.diagonal().square().sum()
    return off_diagonal / (bits * (bits - 1))


def quantization(h: Tensor) -> Tensor:
    """Return how much thresholding changes a code: mean of (1 − |2h − 1|)².

    Eq. (2) measures how far descriptors lie from the center of those that share their code, and has
    no gradient. This term has one, and is zero if every h is 0 or 1.
    """
    return (1 - (2 * h - 1).abs()).square().mean()


def distillation(
    h: Tensor, teacher: Tensor, teacher_temperature: float = 0.05, temperature: float = 0.2
) -> Tensor:
    """Return how differently codes and a teacher's vectors rank the rest of the batch.

    Every sample defines two distributions over the others: the softmax of the cosines between the
    teacher's vectors, and between the codes 2h − 1, each divided by its temperature. The term is
    their Kullback–Leibler divergence per sample, 0 if codes preserve all relations. It is not from
    the paper; it helps with classes not seen in training (after N. Passalis, A. Tefas, "Learning
    deep representations with probabilistic knowledge transfer", ECCV 2018).

    Parameters
    ----------
    h : Tensor of shape (n, bits)
    teacher : Tensor of shape (n, D)
        Centered; otherwise all cosines are about the same.
    teacher_temperature, temperature : float
        The teacher's temperature makes its few nearest neighbors count. Cosines of codes spread
        wider, hence their higher temperature.
    """
    target, log_target = _relations(teacher.detach(), teacher_temperature)
    _, log_found = _relations(2 * h - 1, temperature)
    return (target * (log_target - log_found)).sum(dim=1).mean()


def _relations(v: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the probabilities (n, n − 1) of the other samples, and their logarithms."""
    unit = functional.normalize(v)
    others = ~torch.eye(len(v), dtype=torch.bool, device=v.device)
    logits = (unit @ unit.T / temperature)[others].view(len(v), len(v) - 1)
    log_probabilities = functional.log_softmax(logits, dim=1)
    return log_probabilities.exp(), log_probabilities
