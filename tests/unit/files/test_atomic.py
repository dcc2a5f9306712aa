"""Files that are replaced as a whole, and what is left of them by a kill."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from hashlens.errors import HashlensError
from hashlens.files.atomic import remove_partials, replacing

WRITE = """
import sys
from pathlib import Path
from hashlens.files.atomic import replacing
with replacing(Path(sys.argv[1]), follow_link=True) as partial:
    partial.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process that is in the middle of writing out.txt, until its stdin ends."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "out.txt")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:
        assert child.stdout.readline() == "writing\n"
        yield child
        child.kill()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_left_is_removed_by_the_next(writer, tmp_path):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    (left,) = names(tmp_path)
    assert left.startswith(".out.txt.")
    with replacing(tmp_path / "out.txt") as partial:
        partial.write_text("whole")
    assert names(tmp_path) == ["out.txt"]


def test_what_another_process_is_writing_is_left_alone(writer, tmp_path):
    with replacing(tmp_path / "out.txt") as partial:
        partial.write_text("mine")
    assert len(names(tmp_path)) == 2
    writer.communicate("")
    assert writer.returncode == 0
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "half"


def test_links_pipes_and_other_files_are_not_removed(tmp_path):
    tail = "0" * 31
    os.symlink(tmp_path / "target", tmp_path / f".out.txt.{tail}1")
    os.mkfifo(tmp_path / f".out.txt.{tail}2")
    (tmp_path / "target").write_text("mine")
    (tmp_path / f".out.txt.{tail}").write_text("of another form")
    (tmp_path / f".other.txt.{tail}3").write_text("of another file")
    remove_partials(tmp_path / "out.txt")
    assert {"target", f".out.txt.{tail}", f".other.txt.{tail}3"} <= set(names(tmp_path))
    assert (tmp_path / "target").read_text() == "mine"


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "out.txt") as partial:
        partial.write_text("whole")
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_after_an_error_all_is_as_before(tmp_path):
    (tmp_path / "out.txt").write_text("before")

    def fill_the_disk():
        with replacing(tmp_path / "out.txt") as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(HashlensError, match=r"out\.txt can't be written: No space left"):
        fill_the_disk()
    assert names(tmp_path) == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "before"
