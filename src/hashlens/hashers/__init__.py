"""Hashers: float vectors in, packed binary codes out; one file per paper.

Classes are imported on first use, and PyTorch only when a deep hasher is fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashlens.hashers.base import Hasher
from hashlens.hashers.registry import METHODS, create_hasher, hasher_class

if TYPE_CHECKING:
    from hashlens.hashers.methods.autoencoder import AutoencoderHasher
    from hashlens.hashers.methods.bre import BRE
    from hashlens.hashers.methods.codebook import CodebookHasher
    from hashlens.hashers.methods.dh import DeepHashing, SupervisedDeepHashing
    from hashlens.hashers.methods.dlbhc import DLBHC
    from hashlens.hashers.methods.itq import ITQ
    from hashlens.hashers.methods.kmh import KMeansHashing
    from hashlens.hashers.methods.lsh import LSH
    from hashlens.hashers.methods.pca_rr import PCARR
    from hashlens.hashers.methods.pcah import PCAH
    from hashlens.hashers.methods.sh import SpectralHashing
    from hashlens.hashers.methods.sph import SphericalHashing
    from hashlens.hashers.methods.splh import SPLH

__all__ = [
    "BRE",
    "DLBHC",
    "ITQ",
    "LSH",
    "METHODS",
    "PCAH",
    "PCARR",
    "SPLH",
    "AutoencoderHasher",
    "CodebookHasher",
    "DeepHashing",
    "Hasher",
    "KMeansHashing",
    "SpectralHashing",
    "SphericalHashing",
    "SupervisedDeepHashing",
    "create_hasher",
    "hasher_class",
]


def __getattr__(name: str) -> Any:
    for method, (_, class_name) in METHODS.items():
        if class_name == name:
            return hasher_class(method)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
