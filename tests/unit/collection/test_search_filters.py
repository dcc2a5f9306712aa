"""Searches that only some images may answer: by folder, by label; and by a precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hashlens.errors import ParameterError
from hashlens.evaluation.calibration import calibrate
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.model import ModelCalibration


@pytest.fixture
def labeled(collection, photos, picture):
    """Twelve images in two folders and six in a third, labeled by their number modulo 3."""
    for seed in range(100, 106):
        picture(photos / "more" / f"{seed}.png", seed)
    collection.index([photos], label_of=lambda path: str(int(Path(path).stem) % 3))
    return collection


@pytest.fixture
def query(photos) -> Path:
    return photos / "a" / "00.png"


def paths_of(hits):
    return {hit.path for hit in hits}


def test_under_finds_images_below_a_folder_alone(labeled, photos, query):
    everything = labeled.search(query, k=100)
    below = labeled.search(query, k=100, under=photos / "more")
    assert len(below) == 6
    expected = [hit for hit in everything if Path(hit.path).parent.name == "more"]
    assert below == expected
    assert labeled.search(query, k=100, under=[photos / "more", query])[0].path == str(query)
    assert labeled.search(query, under=photos / "mor") == []
    assert labeled.search(query, radius=labeled.bits, under=photos / "more") == expected


def test_labels_choose_among_images(labeled, photos, query):
    everything = labeled.search(query, k=100)
    names = {hit.label for hit in everything}
    assert len(names) > 1
    for name in names:
        expected = [hit for hit in everything if hit.label == name]
        assert labeled.search(query, k=100, labels=name) == expected
    assert labeled.search(query, k=100, labels=sorted(names)) == everything
    assert labeled.search(query, labels="none such") == []
    both = labeled.search_many([query], k=100, labels=sorted(names), under=photos / "more")[0]
    assert paths_of(both) == {str(path) for path in (photos / "more").iterdir()}


def test_a_precision_is_the_radius_that_reached_it(labeled, photos, query):
    with pytest.raises(ParameterError, match="calibrated"):
        labeled.search(query, precision=0.8)
    total = np.zeros((2, labeled.bits + 1), dtype=int)
    relevant = total.copy()
    total[:, 10], relevant[:, 10] = 9, 8
    total[:, 30] = 9
    pairs = calibrate(DistanceHistograms(total, relevant))
    model = labeled.model
    model.calibration = ModelCalibration(model.digest, pairs, "made", "abc", "2 test images")
    assert labeled.radius_for(0.8) == 29
    assert labeled.search(query, precision=0.8) == labeled.search(query, radius=29)
    assert labeled.duplicates(precision=0.8) == labeled.duplicates(29)
    with pytest.raises(ParameterError, match="one of radius and precision"):
        labeled.search(query, radius=3, precision=0.8)
    with pytest.raises(ParameterError, match=r"best that was measured on made is 0\.8889"):
        labeled.search(query, precision=0.95)


def test_duplicates_need_a_radius_or_a_precision(labeled):
    with pytest.raises(ParameterError, match="radius in bits, or a precision"):
        labeled.duplicates()


def statements_of(collection, work) -> list[str]:
    """Return the SQL statements that ``work`` runs on a collection."""
    statements: list[str] = []
    connection = collection._storage.catalog._database._connection
    connection.set_trace_callback(statements.append)
    try:
        work()
    finally:
        connection.set_trace_callback(None)
    return [text for text in statements if not text.startswith(("BEGIN", "COMMIT", "PRAGMA"))]


def plans_of(collection, statements) -> str:
    database = collection._storage.catalog._database
    return "\n".join(
        str(row) for text in statements for row in database.all(f"EXPLAIN QUERY PLAN {text}")
    )


def test_a_search_runs_few_statements_and_none_scans_the_catalog(labeled, photos, query):
    labeled.search(query)
    statements = statements_of(labeled, lambda: (labeled.search(query), len(labeled)))
    assert len(statements) <= 6, statements
    plans = plans_of(labeled, statements)
    assert "SCAN files" not in plans
    assert "SCAN files" in plans_of(labeled, ["SELECT COUNT(*) FROM files GROUP BY size"])


@pytest.mark.parametrize(("name", "used"), [("labels", "files_label"), ("under", "path>")])
def test_a_filtered_search_looks_at_no_other_files(labeled, photos, query, name, used):
    names = {"under": photos / "more"} if name == "under" else {"labels": ["1", "2"]}
    labeled.search(query, **names)
    statements = statements_of(labeled, lambda: labeled.search(query, **names))
    assert len(statements) <= 6, statements
    plans = plans_of(labeled, statements)
    assert "SCAN files" not in plans
    assert used in plans
