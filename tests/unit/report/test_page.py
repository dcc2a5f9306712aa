"""The page: well-formed, alone, readable without pictures, and safe from what users write."""

import base64
import copy
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from hashlens.errors import HashlensError, MissingExtraError
from hashlens.model.card import CARD_FILE
from hashlens.report import render, write, write_report

from .conftest import NAMES, document_of, fit, make_data, search_of

pytest.importorskip("jinja2")

VOID = {"br", "img", "meta"}


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def reported(model, data, tmp_path_factory) -> Path:
    """The directory of a model with its report."""
    model_folder = tmp_path_factory.mktemp("models") / "model"
    model.save(model_folder)
    write_report(model, data, search_of(model, data), model_folder, "hashlens train it")
    model.save_card(model_folder)
    return model_folder


@pytest.fixture(scope="module")
def page(reported) -> Page:
    return Page((reported / "report.html").read_text("utf-8"))


def test_the_page_needs_nothing_else(page):
    assert not page.all("script")
    assert not page.all("link")
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name == "src":
                assert value.startswith("data:image/jpeg;base64,")
            elif name == "href":
                assert value.startswith("#")
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_links_lead_to_parts_that_are_there(page):
    parts = {attributes["id"] for attributes in page.all("section")}
    links = {attributes["href"].removeprefix("#") for attributes in page.all("a")}
    assert links == parts
    assert "learning" not in parts  # itq has no epochs
    assert {"quality", "classes", "confusions", "examples", "codes", "cost", "settings"} <= parts


def test_names_that_look_like_markup_are_shown_as_they_are(page):
    for name in NAMES:
        assert name in page.text
    assert "made <here>" in page.text
    assert len(page.all("b")) == len(page.all("img"))  # one sign per picture, and none of the names


def test_pictures_have_texts_and_are_pictures(page):
    pictures = page.all("img")
    assert len(pictures) >= 6 * 6
    for attributes in pictures:
        assert attributes["alt"]
    data = base64.b64decode(pictures[0]["src"].split(",")[1])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (112, 112)


def test_charts_and_tables_can_be_read_out(page):
    for attributes in page.all("svg"):
        assert attributes["role"] == "img"
        assert attributes["aria-label"]
    tables = page.all("table")
    assert tables
    assert len(page.all("caption")) == len(tables) == len(page.all("thead"))
    scopes = [attributes.get("scope") for attributes in page.all("th")]
    assert set(scopes) == {"col", "row"}


def test_right_and_wrong_have_a_sign_and_a_word(page):
    marks = [attributes.get("class") for attributes in page.all("li")]
    assert page.text.count("✓ right") == marks.count("right") > 0
    assert page.text.count("✗ wrong") == marks.count("wrong") > 0
    assert marks.count("query") * 5 == marks.count("right") + marks.count("wrong")


def test_the_json_is_beside_it_and_the_card_links_to_it(page, reported):
    document = json.loads((reported / "report.json").read_text())
    assert document["format_version"] == 2
    assert document["model"]["method"] == "itq"
    assert f"{100 * document['searches'][0]['precision_at_5']:.2f}" in page.text
    assert "(report.html)" in (reported / CARD_FILE).read_text()


def test_the_card_of_a_model_without_a_report_has_no_link(model_folder):
    assert "report.html" not in (model_folder / CARD_FILE).read_text()


@pytest.mark.parametrize("gone", ["all", "dataset"])
def test_without_images_they_are_named(gone, model, model_folder):
    data = make_data(unreadable=range(200)) if gone == "all" else make_data()
    if gone == "dataset":
        data = type(data)(data.train, data.test, data.classes, data.source, data.descriptor)
    page = Page(write_report(model, data, search_of(model, data), model_folder).read_text("utf-8"))
    assert not page.all("img")
    missing = [a for a in page.all("div") if a.get("class") == "missing"]
    assert len(missing) >= 6 * 6
    document = json.loads((model_folder / "report.json").read_text())
    assert document["speed"]["describe_seconds_per_image"] is None
    name = document["examples"]["worst"][0]["query"]["name"]
    assert name.rsplit("/", maxsplit=1)[-1] in page.text


def test_many_classes_are_folded(tmp_path):
    data = make_data(train=1500, test=1500, classes=1200)
    model = fit(data, method="lsh")
    model.save(tmp_path / "model")
    document = document_of(model, data, tmp_path / "model")
    assert len(document["classes"]) == 1200
    assert len(document["confusions"]) == 1000 < document["confused_pairs"]
    text = render(document, {})
    page = Page(text)
    assert "980 more classes" in page.text
    assert "The other 200 are in report.json" in page.text
    assert "Number of classes by precision at 5" in page.text
    before_fold = text[: text.index("<details>")]
    worst = [one["name"] for one in document["classes"]]
    assert all(f">{name}<" in before_fold for name in worst[:20])
    assert f">{worst[20]}<" not in before_fold
    assert len(text) < 1_000_000


@pytest.mark.parametrize("count", [1, 2, 9, 300])
def test_learning_curves(count, document):
    epochs = [
        {
            "number": n,
            "epochs": count,
            "losses": {"nll": 3.0 / n, "balance <i>": 0.25},
            "precision_at_5": 1 - 1 / (n + 1),
            "seconds": 0.5 * n,
        }
        for n in range(1, count + 1)
    ]
    course = {"kept_epoch": count, "planned_epochs": count, "epochs": epochs}
    page = Page(render(document | {"learning": course}, {}))
    lines = [a["points"].split() for a in page.all("polyline")]
    assert [len(points) for points in lines] == [count] * 4  # precision twice, and two terms
    for points in lines:
        for x, y in (map(float, point.split(",")) for point in points):
            assert 0 <= x <= 360
            assert 0 <= y <= 210
    assert "loss: balance <i>" in page.text
    assert f"Epoch {count} was the best" in page.text


def test_a_rising_curve_rises(document):
    epochs = [
        {
            "number": n,
            "epochs": 3,
            "losses": {},
            "precision_at_5": precision_at_5,
            "seconds": 100.0 * n,
        }
        for n, precision_at_5 in enumerate((0.2, 0.5, 0.9), 1)
    ]
    course = {"kept_epoch": 3, "planned_epochs": 30, "epochs": epochs}
    page = Page(render(document | {"learning": course}, {}))
    points = [
        tuple(map(float, point.split(","))) for point in page.all("polyline")[0]["points"].split()
    ]
    assert points == sorted(points)
    heights = [y for _, y in points]
    assert heights == sorted(heights, reverse=True)  # SVG counts from the top
    assert "minutes of training" in page.text
    assert "it stopped early, as validation no longer improved" in page.text


def test_the_last_epoch_of_a_fine_tuning_is_not_called_the_best(document):
    epochs = [
        {
            "number": n,
            "epochs": 2,
            "losses": {},
            "precision_at_5": precision_at_5,
            "seconds": 1.0 * n,
        }
        for n, precision_at_5 in enumerate((0.8, 0.7), 1)
    ]
    course = {"kept_epoch": 2, "planned_epochs": 2, "epochs": epochs}
    page = Page(render(document | {"learning": course}, {}))
    assert "Epoch 2 is the last" in page.text
    assert "was the best" not in page.text


def test_a_page_that_cannot_be_written_leaves_the_model(
    document, model, data, model_folder, monkeypatch
):
    monkeypatch.setattr(write, "report_document", lambda *_: document)
    before = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    (model_folder / "report.html").mkdir()
    with pytest.raises(HashlensError, match="not a file"):
        write_report(model, data, search_of(model, data), model_folder)
    after = {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}
    assert before.items() <= after.items()


def test_a_file_name_that_is_not_utf8_is_written(document, model, data, model_folder, monkeypatch):
    document = copy.deepcopy(document)
    document["examples"]["worst"][0]["query"]["name"] = "caf\udce9.png"
    monkeypatch.setattr(write, "report_document", lambda *_: document)
    text = write_report(model, data, search_of(model, data), model_folder).read_text("utf-8")
    assert re.search(r"caf\?\.png", text)
    assert json.loads((model_folder / "report.json").read_text()) == document


def test_without_jinja_the_figures_are_written_and_the_error_says_what_to_install(
    model, data, model_folder, monkeypatch
):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hashlens\[train\]'"):
        write_report(model, data, search_of(model, data), model_folder)
    assert json.loads((model_folder / "report.json").read_text())["searches"]
    assert not (model_folder / "report.html").exists()
