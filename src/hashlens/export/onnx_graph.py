"""A minimal builder of ONNX graphs: every method adds one operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.errors import MissingExtraError

Tensor = str
"""The name of a value in the graph."""


class GraphBuilder:
    """Operations and constants in the order of evaluation, under unique names.

    Parameters
    ----------
    prefix : str
        Starts the names of all values, so that they differ from those of another graph.

    Raises
    ------
    MissingExtraError
        If the package onnx is not installed.
    """

    def __init__(self, prefix: str) -> None:
        self._onnx = import_onnx()
        self._prefix = prefix
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def apply(self, operator: str, *inputs: Tensor, **attributes: Any) -> Tensor:
        """Add an operator with one output, and return the output."""
        output = f"{self._prefix}{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(
            self._onnx.helper.make_node(operator, inputs, [output], name=output, **attributes)
        )
        return output

    def constant(self, array: npt.ArrayLike) -> Tensor:
        """Add a constant with the dtype of the array."""
        name = f"{self._prefix}constant_{len(self.initializers)}"
        self.initializers.append(self._onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def wide(self, array: npt.ArrayLike) -> Tensor:
        """Add a float64 constant, stored as float32 where that is exact."""
        exact = np.asarray(array, np.float64)
        narrow = exact.astype(np.float32)
        if np.array_equal(narrow, exact):
            return self.to_double(self.constant(narrow))
        return self.constant(exact)

    def to_float(self, x: Tensor) -> Tensor:
        """Cast to float32."""
        return self.apply("Cast", x, to=self._onnx.TensorProto.FLOAT)

    def to_double(self, x: Tensor) -> Tensor:
        """Cast to float64."""
        return self.apply("Cast", x, to=self._onnx.TensorProto.DOUBLE)

    def to_bytes(self, x: Tensor) -> Tensor:
        """Cast to uint8."""
        return self.apply("Cast", x, to=self._onnx.TensorProto.UINT8)

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """Reshape; a size of 0 keeps that axis, so batches may have any size."""
        return self.apply("Reshape", x, self.constant(np.array(shape, np.int64)))

    def sum_rows(self, x: Tensor) -> Tensor:
        """Return the sum over the last axis, which is kept with length 1."""
        return self.apply("ReduceSum", x, self.constant(np.array([-1], np.int64)), keepdims=1)

    def halves(self, x: Tensor, length: int, axis: int) -> tuple[Tensor, Tensor]:
        """Return both halves along an axis of even length."""
        bounds = [self.constant(np.array([edge], np.int64)) for edge in (0, length // 2, length)]
        along = self.constant(np.array([axis], np.int64))
        low, middle, high = bounds
        return self.apply("Slice", x, low, middle, along), self.apply(
            "Slice", x, middle, high, along
        )


def import_onnx() -> Any:
    """Return the package onnx.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("Exporting to ONNX", "onnx", "train") from None
    return onnx
