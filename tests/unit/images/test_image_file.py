"""Reading files: regular ones, of a bounded size, or an ImageError."""

import os
from types import SimpleNamespace

import pytest

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import FileState, read_image_file
from hashlens.images import image_file as files


def test_content_size_and_time(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"content")
    os.utime(path, ns=(5, 123_456_789_123))
    read = read_image_file(str(path))
    assert (read.data, read.state.size, read.state.mtime_ns) == (b"content", 7, 123_456_789_123)


def test_a_missing_file():
    with pytest.raises(ImageError, match="can't be read: no such file"):
        read_image_file("/no/such/file.png")


def test_a_folder_and_a_pipe_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="not a regular file"):
        read_image_file(str(tmp_path / "pipe"))
    with pytest.raises(ImageError, match=r"is a directory|not a regular file"):
        read_image_file(str(tmp_path))


def test_an_unreadable_file(tmp_path, monkeypatch):
    # Mocked, since root reads everything.
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def denied(*arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(ImageUnavailableError, match="can't be read: permission denied") as raised:
        read_image_file(str(path))
    assert str(path) not in str(raised.value)


def test_a_file_that_memory_does_not_hold_now(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(b"x")

    def exhausted(*arguments):
        raise MemoryError

    monkeypatch.setattr(os, "open", exhausted)
    with pytest.raises(ImageUnavailableError, match="not enough memory"):
        read_image_file(str(path))


@pytest.mark.parametrize("claimed", [1 << 64, -(1 << 70), 12_345])
def test_absurd_sizes_and_times_fit_a_database(claimed):
    status = SimpleNamespace(st_size=5, st_mtime_ns=claimed, st_dev=3, st_ino=(1 << 64) - 1)
    state = FileState.of(status)
    assert state.mtime_ns == max(-(1 << 63), min(claimed, (1 << 63) - 1))
    assert (state.size, state.device, state.inode) == (5, 3, -1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        read_image_file(str(path))


def test_a_giant_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    path = tmp_path / "giant.png"
    path.write_bytes(bytes(11))
    with pytest.raises(ImageError, match="11 bytes, the limit is 10 bytes"):
        read_image_file(str(path))
