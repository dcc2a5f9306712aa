"""The projection of each hasher as ONNX operations: the same sums as in numpy, also in float64.

One function covers a family of methods, registered under their names by `projection`. It takes the
builder, the fitted hasher and the descriptors, float32 (n, D), and returns `Hasher.project`: the
values, float32 (n, bits), whose signs are the bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hashlens.errors import ParameterError
from hashlens.export.onnx_graph import GraphBuilder, Tensor
from hashlens.hashers import Hasher

Projection = Callable[[GraphBuilder, Any, Tensor], Tensor]

PROJECTIONS: dict[str, Projection] = {}
"""The function that adds the projection, by name of the method."""


def projection(*names: str) -> Callable[[Projection], Projection]:
    """Register a function as the projection of methods."""

    def enter(function: Projection) -> Projection:
        PROJECTIONS.update(dict.fromkeys(names, function))
        return function

    return enter


def add_projection(graph: GraphBuilder, hasher: Hasher, descriptors: Tensor) -> Tensor:
    """Add the projection of a fitted hasher to a graph.

    Raises
    ------
    ParameterError
        If the projection of the method is not written in ONNX here.
    """
    if hasher.name not in PROJECTIONS:
        raise ParameterError(
            f"Models of the method {hasher.name!r} can't be exported to ONNX. Those of "
            f"{', '.join(PROJECTIONS)} can. Add it to hashlens.export.projections."
        )
    return PROJECTIONS[hasher.name](graph, hasher, descriptors)


@projection("lsh", "pcah", "pca-rr", "itq", "splh", "bre")
def linear(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """(x − mean) W."""
    return _project_centered(graph, x, hasher.mean_, hasher.weights_)


@projection("dlbhc")
def affine(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """(x − mean) W + b; b is added in float32."""
    return graph.apply("Add", linear(graph, hasher, x), graph.constant(hasher.bias_))


@projection("sh")
def waves(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """cos(frequency · (x·w − low)), in float32."""
    along = graph.apply("Sub", linear(graph, hasher, x), graph.constant(hasher.lows_))
    return graph.apply("Cos", graph.apply("Mul", graph.constant(hasher.frequencies_), along))


@projection("sph")
def spheres(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """r² − ‖x − mean − p‖², as (r² − ‖p‖²) + 2 (x − mean)·p − ‖x − mean‖²."""
    pivots = hasher.pivots_.astype(np.float64)
    offsets = hasher.squared_radii_ - np.einsum("dk,dk->k", pivots, pivots)
    centered = _center(graph, x, hasher.mean_)
    products = graph.apply("MatMul", centered, graph.wide(pivots))
    doubled = graph.apply("Mul", graph.wide(2.0), products)
    lengths = graph.sum_rows(graph.apply("Mul", centered, centered))
    inside = graph.apply("Sub", graph.apply("Add", graph.wide(offsets), doubled), lengths)
    return graph.to_float(inside)


@projection("kmh")
def cells(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """For each bit, how much nearer the nearest center with that bit on is than one without."""
    subspaces, size, dimension = hasher.centers_.shape
    flat = hasher.centers_.reshape(subspaces * size, dimension)
    half_squares = np.einsum("cd,cd->c", flat, flat, dtype=np.float64) / 2
    products = graph.to_double(_project_centered(graph, x, hasher.mean_, flat.T))
    near = graph.apply("Sub", products, graph.wide(half_squares))
    near = graph.reshape(near, 0, subspaces, size)
    margins = []
    while size > 1:
        off, on = graph.halves(near, size, axis=2)
        size //= 2
        best_on, best_off = _largest(graph, on, size), _largest(graph, off, size)
        margins.append(graph.apply("Sub", best_on, best_off))
        near = graph.apply("Max", off, on)
    joined = graph.apply("Concat", *margins, axis=2)
    return graph.to_float(graph.reshape(joined, 0, hasher.bits))


@projection("dh", "sdh")
def tanh_perceptron(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """Three layers with tanh between them."""
    layers = [
        (hasher.first_weights_, hasher.first_bias_),
        (hasher.second_weights_, hasher.second_bias_),
        (hasher.code_weights_, hasher.code_bias_),
    ]
    return _perceptron(graph, x, hasher.mean_, layers, lambda h: graph.apply("Tanh", h))


@projection("codebook")
def relu_perceptron(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """One layer, or two with a rectifier between them."""
    layers = [(hasher.code_weights_, hasher.code_bias_)]
    if hasher.hidden_bias_.size:
        layers.insert(0, (hasher.hidden_weights_, hasher.hidden_bias_))
    zero = graph.wide(0.0)
    return _perceptron(graph, x, hasher.mean_, layers, lambda h: graph.apply("Max", h, zero))


@projection("autoencoder")
def autoencoder(graph: GraphBuilder, hasher: Any, x: Tensor) -> Tensor:
    """The encoder on the descriptor layer's units, and on x too where the trunk is joined."""
    units = hasher.descriptor_weights_.shape[1]
    wide = graph.to_double(x)
    inner = _affine(graph, wide, hasher.descriptor_weights_, hasher.descriptor_bias_)
    half, one = graph.wide(0.5), graph.wide(1.0)
    raised = graph.apply("Add", graph.apply("Tanh", graph.apply("Mul", inner, half)), one)
    encoder = hasher.code_weights_
    codes = graph.apply("MatMul", graph.apply("Mul", raised, half), graph.wide(encoder[:units]))
    if len(encoder) > units:
        joined = graph.apply("MatMul", wide, graph.wide(encoder[units:]))
        codes = graph.apply("Add", codes, joined)
    return graph.to_float(graph.apply("Add", codes, graph.wide(hasher.code_bias_)))


def _center(graph: GraphBuilder, x: Tensor, mean: Any) -> Tensor:
    """X − mean in float64."""
    return graph.apply("Sub", graph.to_double(x), graph.wide(mean))


def _project_centered(graph: GraphBuilder, x: Tensor, mean: Any, weights: Any) -> Tensor:
    """`hashlens.hashers.math.projection.project_centered`."""
    product = graph.apply("MatMul", _center(graph, x, mean), graph.wide(weights))
    return graph.to_float(product)


def _affine(graph: GraphBuilder, h: Tensor, weights: Any, bias: Any) -> Tensor:
    return graph.apply("Add", graph.apply("MatMul", h, graph.wide(weights)), graph.wide(bias))


def _perceptron(
    graph: GraphBuilder,
    x: Tensor,
    mean: Any,
    layers: Sequence[tuple[Any, Any]],
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    """`hashlens.hashers.math.perceptron.project_perceptron`."""
    h = _center(graph, x, mean)
    for weights, bias in layers[:-1]:
        h = activation(_affine(graph, h, weights, bias))
    return graph.to_float(_affine(graph, h, *layers[-1]))


def _largest(graph: GraphBuilder, x: Tensor, length: int) -> Tensor:
    """Return the largest value along axis 2, whose length is a power of two.

    By halves: ReduceMax takes its axes as an attribute or an input, by the version of ONNX.
    """
    while length > 1:
        x = graph.apply("Max", *graph.halves(x, length, axis=2))
        length //= 2
    return x
