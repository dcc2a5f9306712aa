"""Loss terms on relaxed codes ``h`` in (0, 1), one a function, all averages over the batch.

Equation numbers are those of Zelensky, Pismenskova, Voronin 2018.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional


def label_shares(labels: Tensor) -> Tensor:
    """Return what a classifier's cross-entropy is taken to.

    Parameters
    ----------
    labels : int64 Tensor of shape (n,), or bool Tensor of shape (n, classes)

    Returns
    -------
    Tensor
        Labels as they are; of a table, 1/m for each of a sample's m labels: float (n, classes).
    """
    return labels if labels.ndim == 1 else labels / labels.sum(dim=1, keepdim=True)


def memberships(labels: Tensor, classes: int) -> Tensor:
    """Return 1 for the classes of each sample, else 0: (n, classes)."""
    return functional.one_hot(labels, classes) if labels.ndim == 1 else labels.long()


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy: −log of the likelihood (12), a sample.

    Parameters
    ----------
    logits : Tensor of shape (n, classes)
    labels : int64 Tensor of shape (n,), or bool Tensor of shape (n, classes)
        Of several labels, each counts for its share.
    """
    return functional.cross_entropy(logits, label_shares(labels))


def reconstruction(x: Tensor, restored: Tensor) -> Tensor:
    """‖x − x'‖², eq. (7), averaged over the batch (8). Both of shape (n, D)."""
    return (x - restored).square().sum(dim=1).mean()


def weight_penalty(weights: Iterable[Tensor], p: int) -> Tensor:
    """‖W‖_p^p, eqs. (9) to (11), over all weight matrices; p is 1 or 2."""
    return torch.stack([w.abs().pow(p).sum() for w in weights]).sum()


def balance(h: Tensor) -> Tensor:
    """How far bits are from being on for half of the batch: mean over bits of (2·mean(h) − 1)².

    The paper's constraint 2; 0 is balanced, 1 a constant bit. ``h`` is of shape (n, bits).
    """
    return (2 * h.mean(dim=0) - 1).square().mean()


def decorrelation(h: Tensor) -> Tensor:
    """Mean squared correlation of different bits over the batch: the paper's constraint 3."""
    centered = h - h.mean(dim=0)
    scaled = centered / centered.square().sum(dim=0).clamp_min(1e-6).sqrt()
    correlation = scaled.T @ scaled
    bits = h.shape[1]
    off_diagonal = correlation.square().sum() - correlation.diagonal().square().sum()
    return off_diagonal / (bits * (bits - 1))


def quantization(h: Tensor) -> Tensor:
    """How much thresholding changes a code: mean of (1 − |2h − 1|)².

    Eq. (2) measures how far descriptors lie from the center of those that share their code; it has
    no gradient. This term has, and is zero where every h is 0 or 1 already.
    """
    return (1 - (2 * h - 1).abs()).square().mean()


def distillation(
    h: Tensor, teacher: Tensor, teacher_temperature: float = 0.05, temperature: float = 0.2
) -> Tensor:
    """How differently codes and a teacher's vectors rank the rest of the batch.

    Every sample gives two distributions over the others: the softmax of the teacher's cosines, and
    of the codes' 2h − 1, each divided by its temperature. The term is their Kullback–Leibler
    divergence, a sample; 0 where codes keep all relations. It is ours, not the paper's: what lets a
    code serve classes that training has not seen (after N. Passalis, A. Tefas, "Learning deep
    representations with probabilistic knowledge transfer", ECCV 2018).

    Parameters
    ----------
    h : Tensor of shape (n, bits)
    teacher : Tensor of shape (n, D)
        Centered: else all cosines are about the same.
    teacher_temperature, temperature : float
        A few of the teacher's neighbors count at its temperature. Cosines of codes spread wider,
        hence the higher one.
    """
    target, log_target = _relations(teacher.detach(), teacher_temperature)
    _, log_found = _relations(2 * h - 1, temperature)
    return (target * (log_target - log_found)).sum(dim=1).mean()


def _relations(v: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return probabilities (n, n − 1) of the other samples, and their logarithms."""
    unit = functional.normalize(v)
    others = ~torch.eye(len(v), dtype=torch.bool, device=v.device)
    logits = (unit @ unit.T / temperature)[others].view(len(v), len(v) - 1)
    log_probabilities = functional.log_softmax(logits, dim=1)
    return log_probabilities.exp(), log_probabilities
