"""Files of records: a fixed byte layout, checked when opened; views that outlive the file."""

import hashlib
import os
import struct
import zlib

import numpy as np
import pytest

from hashlens.errors import FormatError
from hashlens.files.records import RecordFile, RecordLayout

CODES = RecordLayout("codes", 8, "digest of a model", 3)
DESCRIPTORS = RecordLayout("descriptors", 5, "digest of a model", 3)


def test_the_bytes_are_those_that_the_documentation_states(tmp_path):
    file = RecordFile.create(tmp_path, CODES)
    records = np.arange(24, dtype=np.uint8).reshape(3, 8)
    file.write(0, records)
    file.close()
    data = (tmp_path / "codes-000003.bin").read_bytes()
    fields = b"HASHLENS" + struct.pack("<I", 1) + b"CODE" + struct.pack("<IQ", 8, 3)
    fields += hashlib.sha256(b"digest of a model").digest()
    body = fields.ljust(124, b"\0")
    assert data == body + struct.pack("<I", zlib.crc32(body)) + records.tobytes()


def test_descriptors_are_half_precision_little_endian(tmp_path):
    file = RecordFile.create(tmp_path, DESCRIPTORS)
    file.write(0, np.array([[0, 1, -2, 0.5, 1 / 3]], dtype=np.float32))
    file.close()
    data = (tmp_path / "descriptors-000003.bin").read_bytes()[128:]
    assert data == np.array([0, 1, -2, 0.5, 1 / 3], dtype="<f2").tobytes()


@pytest.mark.parametrize("layout", [CODES, DESCRIPTORS])
def test_what_was_written_is_read(tmp_path, layout):
    rng = np.random.default_rng(0)
    records = rng.integers(0, 100, (10, layout.width)).astype(layout.dtype)
    file = RecordFile.create(tmp_path, layout)
    file.write(0, records[:4])
    file.write(4, records[4:])
    file.sync()
    file.close()
    again = RecordFile(tmp_path, layout)
    np.testing.assert_array_equal(again.map(10), records)
    np.testing.assert_array_equal(again.map(6), records[:6])
    np.testing.assert_array_equal(again.read(3, 5), records[3:8])
    assert again.map(0).shape == (0, layout.width)
    again.close()


def test_views_are_read_only_and_outlive_the_file(tmp_path):
    file = RecordFile.create(tmp_path, CODES)
    file.write(0, np.ones((3, 8), np.uint8))
    view = file.map(3)
    file.close()
    os.remove(file.path)
    assert view.sum() == 24
    assert type(view) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0


def test_a_short_file_is_damaged(tmp_path):
    file = RecordFile.create(tmp_path, CODES)
    file.write(0, np.ones((3, 8), np.uint8))
    with pytest.raises(FormatError, match="expected at least 4 records, got 3"):
        file.map(4)
    with pytest.raises(FormatError, match="expected at least 5 records, got 3"):
        file.read(2, 3)
    file.close()


def test_truncating_gives_space_back(tmp_path):
    file = RecordFile.create(tmp_path, CODES)
    file.write(0, np.ones((100, 8), np.uint8))
    file.truncate(2)
    assert file.path.stat().st_size == 128 + 16
    file.close()


def test_short_writes_are_completed(tmp_path, monkeypatch):
    original = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: original(fd, data[:3], at))
    file = RecordFile.create(tmp_path, CODES)
    records = np.arange(16, dtype=np.uint8).reshape(2, 8)
    file.write(0, records)
    np.testing.assert_array_equal(file.map(2), records)
    file.close()


def test_records_of_another_width_are_a_bug(tmp_path):
    file = RecordFile.create(tmp_path, CODES)
    with pytest.raises(ValueError, match=r"\(n, 8\)"):
        file.write(0, np.ones((2, 7), np.uint8))
    file.close()
