"""Reading files of bounded size."""

import tracemalloc

import pytest

from hashlens.errors import FormatError
from hashlens.files.regular import read_regular


def test_a_small_file_takes_little_memory_whatever_the_limit(tmp_path):
    (tmp_path / "small").write_bytes(b"content")
    tracemalloc.start()
    try:
        assert read_regular(tmp_path / "small", 1 << 30) == b"content"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_over_the_limit_is_refused(tmp_path):
    (tmp_path / "large").write_bytes(bytes(11))
    assert read_regular(tmp_path / "large", 11) == bytes(11)
    with pytest.raises(FormatError, match="larger than 10 bytes"):
        read_regular(tmp_path / "large", 10)
