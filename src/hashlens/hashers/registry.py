"""The hashing methods by name, imported on demand."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from hashlens.errors import ParameterError
from hashlens.hashers.base import Hasher

METHODS: dict[str, tuple[str, str]] = {
    "lsh": ("hashlens.hashers.methods.lsh", "LSH"),
    "pcah": ("hashlens.hashers.methods.pcah", "PCAH"),
    "pca-rr": ("hashlens.hashers.methods.pca_rr", "PCARR"),
    "itq": ("hashlens.hashers.methods.itq", "ITQ"),
    "sh": ("hashlens.hashers.methods.sh", "SpectralHashing"),
    "sph": ("hashlens.hashers.methods.sph", "SphericalHashing"),
    "kmh": ("hashlens.hashers.methods.kmh", "KMeansHashing"),
    "splh": ("hashlens.hashers.methods.splh", "SPLH"),
    "bre": ("hashlens.hashers.methods.bre", "BRE"),
    "dh": ("hashlens.hashers.methods.dh", "DeepHashing"),
    "sdh": ("hashlens.hashers.methods.dh", "SupervisedDeepHashing"),
    "dlbhc": ("hashlens.hashers.methods.dlbhc", "DLBHC"),
    "autoencoder": ("hashlens.hashers.methods.autoencoder", "AutoencoderHasher"),
    "codebook": ("hashlens.hashers.methods.codebook", "CodebookHasher"),
}
"""Module and class of every method, in the order of tables."""


def hasher_class(name: str) -> type[Hasher]:
    """Return the class of the method ``name``.

    Raises
    ------
    ParameterError
        If there is no such method; the message suggests the closest name.

    Examples
    --------
    >>> hasher_class("itq").__name__
    'ITQ'
    """
    if name not in METHODS:
        near = difflib.get_close_matches(str(name).lower(), METHODS, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]!r}?" if near else "."
        raise ParameterError(
            f"Unknown method {name!r}{hint} The methods are: {', '.join(METHODS)}."
        )
    module, attribute = METHODS[name]
    found: type[Hasher] = getattr(import_module(module), attribute)
    return found


def create_hasher(name: str, bits: int = 64, **params: Any) -> Hasher:
    """Return an unfitted hasher of the method ``name``.

    Parameters
    ----------
    name : str
        A key of `METHODS`.
    bits : int, default 64
        Code length.
    **params
        Further constructor parameters of the method.

    Raises
    ------
    ParameterError
        If there is no such method, or it has no parameter of a given name.

    Examples
    --------
    >>> create_hasher("itq", 32, iterations=10)
    ITQ(bits=32, iterations=10, random_state=0)
    """
    return hasher_class(name)().set_params(bits=bits, **params)
