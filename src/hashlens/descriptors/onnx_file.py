"""Reading an ONNX file that may come from a stranger, before ONNX Runtime sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hashlens.errors import FormatError
from hashlens.files.regular import read_regular

MAX_NETWORK_BYTES = (1 << 31) - 1
"""Larger files are refused: 2 GiB, the limit of the format itself."""

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Kind of message → number of a field → kind of the messages there: all that may hold tensors."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor: where its values lie, and whether that is another file."""

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def read_network(path: Path) -> bytes:
    """Return the content of an ONNX file, unchecked.

    Raises
    ------
    FormatError
        If it is missing, not a regular file, or larger than `MAX_NETWORK_BYTES`.
    """
    try:
        return read_regular(path, MAX_NETWORK_BYTES)
    except FileNotFoundError:
        raise FormatError(f"The descriptor's network {path} is missing.") from None
    except OSError as error:
        raise FormatError(f"{path} can't be read: {error.strerror or error}.") from error


def check_self_contained(data: bytes, path: Path) -> None:
    """Refuse a network that is not in the format of ONNX, or has weights in another file.

    The checksum of a file would not cover such weights, and they could be any file of the machine.

    Raises
    ------
    FormatError
    """
    try:
        external = _has_external_data(memoryview(data))
    except (IndexError, ValueError) as error:
        raise FormatError(f"{path} is not an ONNX model: {error}.") from error
    if external:
        raise FormatError(
            f"{path} keeps weights in another file, which its checksum would not cover. Save the "
            "network as one file, for example with: onnx.save(onnx.load(OLD), NEW)"
        )


def _has_external_data(data: memoryview) -> bool:
    waiting = [("model", data)]
    while waiting:
        kind, message = waiting.pop()
        for field, wire, value in _fields(message):
            if kind == "tensor" and field in (_EXTERNAL_DATA, _DATA_LOCATION) and value:
                return True
            child = _CHILDREN[kind].get(field)
            if child is not None and wire == _LENGTH:
                assert isinstance(value, memoryview)
                waiting.append((child, value))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, wire type and value of each field of a Protocol Buffers message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, wire, value
            continue
        if wire == _LENGTH:
            length, at = _varint(message, at)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise ValueError(f"unexpected wire type {wire}")
        if length > len(message) - at:
            raise ValueError("a field ends behind its message")
        yield field, wire, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number has more than ten bytes")
