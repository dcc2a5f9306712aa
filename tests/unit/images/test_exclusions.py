"""What patterns leave out of a walk."""

import pytest

from hashlens.errors import ParameterError
from hashlens.images import Exclusions, walk_images


@pytest.fixture
def tree(tmp_path):
    names = ("a.png", "b.tmp.png", "keep/b.png", "private/c.png", "keep/private/d.png")
    system = ("@eaDir/a.png/T.png", "#recycle/r.png", "$RECYCLE.BIN/s.png", "keep/lost+found/t.png")
    for name in (*names, *system):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def found(tree, *patterns):
    walk = walk_images([tree], exclusions_of=lambda path: Exclusions(patterns))
    return {path.removeprefix(f"{tree}/") for path in walk}


EVERYTHING = {"a.png", "b.tmp.png", "keep/b.png", "private/c.png", "keep/private/d.png"}


def test_folders_of_the_system_are_left_out_by_default(tree):
    assert {path.removeprefix(f"{tree}/") for path in walk_images([tree])} == EVERYTHING
    assert found(tree) == EVERYTHING


@pytest.mark.parametrize(
    ("patterns", "gone"),
    [
        (["*.tmp.png"], {"b.tmp.png"}),
        (["/private/"], {"private/c.png"}),
        (["private"], {"private/c.png", "keep/private/d.png"}),
        (["keep/**/d.png"], {"keep/private/d.png"}),
        (["*.png", "!keep/*.png"], EVERYTHING - {"keep/b.png"}),
        (["", "# a comment"], set()),
    ],
)
def test_patterns_are_those_of_gitignore(tree, patterns, gone):
    assert found(tree, *patterns) == EVERYTHING - gone
    exclusions = Exclusions(patterns)
    assert {name for name in EVERYTHING if exclusions.hides(name)} == gone


def test_a_folder_of_the_system_can_be_taken_in(tree):
    assert found(tree, "!@eaDir/") == EVERYTHING | {"@eaDir/a.png/T.png"}


def test_a_root_is_walked_whatever_its_own_name(tree):
    root = tree / "@eaDir"
    assert list(walk_images([root])) == [str(root / "a.png/T.png")]


def test_names_that_are_not_utf8_match(tree):
    assert Exclusions(["*.png"]).leave_out("caf\udce9.png")


def test_an_invalid_pattern_is_refused():
    with pytest.raises(ParameterError, match="gitignore"):
        Exclusions(["!"])
