"""Contact sheets show queries and hits, and mark what can't be read."""

import pytest
from PIL import Image

from hashlens.collection import Hit
from hashlens.errors import HashlensError
from hashlens.report import sheet as sheets
from hashlens.report.sheet import check_sheet, save_sheet

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
    assert save_sheet(tmp_path / "sheet.png", results) == [tmp_path / "sheet.png"]
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


@pytest.mark.parametrize(
    "name", ["sheet.nonsense", "sheet", "sheet.ico", "no folder/sheet.png", "folder.png"]
)
def test_a_sheet_that_cannot_be_written_is_refused_before_any_is_drawn(name, images, tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(HashlensError, match=r"contact sheet can't be written|is not a file"):
        check_sheet(tmp_path / name)
    with pytest.raises(HashlensError, match=r"contact sheet can't be written|is not a file"):
        save_sheet(tmp_path / name, [(images["query"], [])])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.png",
        "hit.png",
        "query.png",
    ]


def test_a_long_sheet_goes_on_on_further_pages(images, tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "_LINES", 2)
    hits = [Hit(images["hit"], n) for n in range(25)]
    pages = save_sheet(tmp_path / "sheet.jpg", [(images["query"], hits), (images["query"], [])])
    assert [page.name for page in pages] == ["sheet-1.jpg", "sheet-2.jpg"]
    assert not (tmp_path / "sheet.jpg").exists()
    tops = [12, 202]
    for page, queries in zip(pages, [[12], tops], strict=True):
        with Image.open(page) as picture:
            assert picture.size == (11 * 172 + 24, 2 * 190 + 24)
            # The column of queries is white where there is none.
            assert [top for top in tops if picture.getpixel((90, top + 80))[2] < 100] == queries


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"])
def test_a_full_page_is_within_the_limits_of_each_format(suffix, images, tmp_path):
    hits = [Hit(str(tmp_path / "gone.png"), n) for n in range(10 * sheets._LINES)]
    (page,) = save_sheet(tmp_path / f"sheet{suffix}", [(images["query"], hits)])
    with Image.open(page) as picture:
        assert picture.height == 80 * 190 + 24
