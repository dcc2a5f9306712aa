"""Types of arrays: each dtype has one name, and each name one dtype."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Codes: TypeAlias = Bytes
"""Packed codes: uint8 of shape (n, bits / 8), see `hashlens.codes`."""
Pixels: TypeAlias = Bytes
"""Decoded images: uint8 of shape (height, width, 3) or (n, height, width, 3), RGB."""
Signs: TypeAlias = npt.NDArray[np.int8]
"""Bits as −1 and 1: int8."""
Words: TypeAlias = npt.NDArray[np.uint32]

Floats: TypeAlias = npt.NDArray[np.float32]
Vectors: TypeAlias = Floats
"""Descriptors: float32 of shape (n, D)."""
Doubles: TypeAlias = npt.NDArray[np.float64]

Distances: TypeAlias = npt.NDArray[np.int32]
"""Hamming distances in bits, or how many codes lie at each of them: int32."""
Counts: TypeAlias = npt.NDArray[np.int64]
Ids: TypeAlias = npt.NDArray[np.int64]
"""Ids of codes in an index: int64 of shape (n,)."""
Rows: TypeAlias = npt.NDArray[np.int64]
"""Positions in another array: int64 of shape (n,)."""
Mask: TypeAlias = npt.NDArray[np.bool_]

Labels: TypeAlias = npt.NDArray[np.int64]
"""One label per image: int64 of shape (n,)."""
LabelSets: TypeAlias = Mask
"""Several labels per image: bool of shape (n, classes)."""
AnyLabels: TypeAlias = Labels | LabelSets
