"""What an npz file declares is checked before it is read."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pytest

from hashlens.errors import FormatError
from hashlens.files import npz
from hashlens.files.npz import read_npz


def read(tmp_path, data: bytes):
    path = tmp_path / "arrays.npz"
    path.write_bytes(data)
    return read_npz(path, hashlib.sha256(data).hexdigest())


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_arrays_are_read_as_numpy_reads_them(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "rows": rng.standard_normal((3, 4)).astype(np.float32),
        "columns": np.asfortranarray(rng.standard_normal((5, 2))),
        "none": np.zeros((0, 7), np.float32),
    }
    file = io.BytesIO()
    np.savez(file, **arrays)
    found = read(tmp_path, file.getvalue())
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    data = packed(zeros=bytes(8 << 20))
    assert len(data) < 16_000
    monkeypatch.setattr(npz, "_read", None)
    with pytest.raises(FormatError, match=r"would unpack to 8,388,608"):
        read(tmp_path, data)


def test_a_header_that_states_other_bytes_is_refused(tmp_path):
    short = npy(np.zeros(100, np.float32))[:-4]
    with pytest.raises(FormatError, match="states 400 bytes, and holds 396"):
        read(tmp_path, packed(short=short))


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"not an array",
        npy(np.array([{}]), allow_pickle=True),
        npy(np.zeros(3, [("a", "f4")])),
        npy(np.zeros(3, np.float32)).replace(b"(3,)", b"(-3,)"),
    ],
)
def test_what_is_not_a_plain_array_is_refused(tmp_path, member):
    with pytest.raises(FormatError, match="not a readable npz file"):
        read(tmp_path, packed(member=member))


def test_other_files_and_too_many_are_refused(tmp_path):
    with pytest.raises(FormatError, match="more than 64"):
        read(tmp_path, packed(**{f"a{i}": npy(np.zeros(1)) for i in range(65)}))
    with pytest.raises(FormatError, match="not a readable npz file"):
        read(tmp_path, b"PK\x03\x04 and no more")
