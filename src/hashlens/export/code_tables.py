"""The codes of a collection for other tools: a Parquet table, or a binary index of FAISS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.codes import bytes_per_code
from hashlens.collection.store import CatalogState, FileRow, Snapshot, Storage
from hashlens.errors import HashlensError, MissingExtraError
from hashlens.export.onnx_model import BIT_ORDER
from hashlens.files.atomic import replacing

ROWS = 65_536
"""Number of images in memory at a time."""


def export_parquet(storage: Storage, snapshot: Snapshot, path: Path) -> int:
    r"""Write one row per image, in the order of slots, and return the number of rows.

    Columns: ``slot`` (int64), ``path`` and ``label`` (string; bytes that are not UTF-8 are escaped
    as ``\xNN``), ``path_bytes`` (binary, exact), ``others`` (list of binary: further paths of the
    same content, exact), ``code`` (binary of bits / 8 bytes) and ``content`` (binary of 32 bytes:
    SHA-256 of the file). The schema's metadata holds bits, bit order and the model's digest.

    Parameters
    ----------
    storage : Storage
    snapshot : Snapshot
        An open snapshot of ``storage``.
    path : Path
        An existing file is replaced.

    Raises
    ------
    MissingExtraError
        If the package pyarrow is not installed.
    ParameterError, HashlensError
        If ``path`` is not a file, or can't be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("Exporting to Parquet", "pyarrow", "train") from None
    schema = _schema(pyarrow, snapshot.state)
    count = 0
    with (
        replacing(path, follow_link=True) as partial,
        pyarrow.parquet.ParquetWriter(partial, schema) as writer,
    ):
        for slots, rows in _images(storage, snapshot):
            columns = _columns(rows) | {"code": [row.tobytes() for row in snapshot.codes[slots]]}
            writer.write_table(pyarrow.Table.from_pydict(columns, schema))
            count += len(rows)
    return count


def export_faiss(storage: Storage, snapshot: Snapshot, path: Path) -> int:
    """Write an IndexBinaryIDMap over an IndexBinaryFlat, with slots as ids; return their number.

    Distances are those of `Collection.search`. FAISS does not define which of several images at the
    same distance it returns; ``range_search`` with that distance returns all of them.

    Parameters and errors are those of `export_parquet`, with the package faiss-cpu.
    """
    try:
        import faiss
    except ImportError:
        raise MissingExtraError("Exporting to FAISS", "faiss-cpu", "bench") from None
    index = faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(snapshot.state.bits))
    live = snapshot.live
    with replacing(path, follow_link=True) as partial:
        for start in range(0, len(live), ROWS):
            slots = live[start : start + ROWS]
            index.add_with_ids(np.ascontiguousarray(snapshot.codes[slots]), slots)
        try:
            faiss.write_index_binary(index, str(partial))
        except RuntimeError as error:
            raise HashlensError(
                f"{path} can't be written; is the disk full? What was there before is unchanged. "
                f"FAISS says: {error}"
            ) from error
    return len(live)


def _images(storage: Storage, snapshot: Snapshot) -> Iterator[tuple[Any, list[list[FileRow]]]]:
    """Yield slots and the files of each, in the order of slots."""
    live = snapshot.live
    for start in range(0, len(live), ROWS):
        slots = live[start : start + ROWS]
        names = storage.catalog.files.names_of(slots.tolist())
        yield slots, [names[slot] for slot in slots.tolist()]


def _schema(pyarrow: Any, state: CatalogState) -> Any:
    fields = [
        pyarrow.field("slot", pyarrow.int64(), nullable=False),
        pyarrow.field("path", pyarrow.string(), nullable=False),
        pyarrow.field("label", pyarrow.string()),
        pyarrow.field("code", pyarrow.binary(bytes_per_code(state.bits)), nullable=False),
        pyarrow.field("content", pyarrow.binary(32)),
        pyarrow.field("path_bytes", pyarrow.binary(), nullable=False),
        pyarrow.field("others", pyarrow.list_(pyarrow.binary()), nullable=False),
    ]
    about = {"bits": str(state.bits), "bit_order": BIT_ORDER, "model_digest": state.digest}
    return pyarrow.schema(fields, {f"hashlens.{key}": value for key, value in about.items()})


def _columns(images: list[list[FileRow]]) -> dict[str, list[Any]]:
    rows = [files[0] for files in images]
    return {
        "slot": [row.slot for row in rows],
        "path": [_text(row.path) for row in rows],
        "label": [None if row.label is None else _text(row.label) for row in rows],
        "content": [row.content for row in rows],
        "path_bytes": [_bytes(row.path) for row in rows],
        "others": [[_bytes(row.path) for row in files[1:]] for files in images],
    }


def _bytes(text: str) -> bytes:
    """Return the bytes of a name as the file system stores it."""
    return text.encode("utf-8", "surrogateescape")


def _text(text: str) -> str:
    """Return a name as valid Unicode; undecodable bytes are escaped."""
    return _bytes(text).decode("utf-8", "backslashreplace")
