"""Contact sheets show queries and hits, and mark what can't be read."""

import pytest
from PIL import Image

from hashlens.collection import Hit
from hashlens.errors import HashlensError
from hashlens.report.sheet import save_sheet

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def images(tmp_path):
    paths = {}
    for name, color in (("query", RED), ("hit", BLUE)):
        paths[name] = str(tmp_path / f"{name}.png")
        Image.new("RGB", (32, 32), color).save(paths[name])
    return paths


def blue_tiles(picture):
    """Count tiles by the color of their pixels; each is 160 pixels wide and high."""
    counts = {color: number for number, color in picture.getcolors(1 << 24)}
    return counts.get(BLUE, 0) / 160**2


@pytest.mark.parametrize(("hits", "lines"), [(0, 1), (1, 1), (10, 1), (11, 2), (25, 3)])
def test_ten_hits_fill_a_line(hits, lines, images, tmp_path):
    results = [(images["query"], [Hit(images["hit"], n) for n in range(hits)])]
    save_sheet(tmp_path / "sheet.png", results)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert blue_tiles(picture) == hits
        assert picture.height == lines * 190 + 24
        assert picture.width == (1 + min(hits, 10)) * 172 + 24
        assert picture.getpixel((90, 90)) == RED


def test_an_image_that_is_gone_leaves_an_empty_frame(images, tmp_path):
    save_sheet(tmp_path / "sheet.png", [(images["query"], [Hit(str(tmp_path / "gone.png"), 3)])])
    with Image.open(tmp_path / "sheet.png") as picture:
        assert blue_tiles(picture) == 0
        assert picture.getpixel((276, 150)) == (255, 255, 255)
        assert picture.getpixel((196, 100)) == (0x77, 0x77, 0x77)


@pytest.mark.parametrize("name", ["sheet.nonsense", "no folder/sheet.png"])
def test_a_sheet_that_cannot_be_written_is_an_error(name, images, tmp_path):
    with pytest.raises(HashlensError, match="contact sheet can't be written"):
        save_sheet(tmp_path / name, [(images["query"], [])])
