"""The tutorial, followed word by word in an empty folder by a user with an empty home."""

from __future__ import annotations

from pathlib import Path

import pytest
from document import check_quoted, reader_environment, run_step, steps_of

from hashlens.model.loading import load_model

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
TOLERANCE = 10.0  # percentage points, as the page says; a share rests on some 80 queries

for package in ("torch", "onnx", "sklearn"):
    pytest.importorskip(package)


def test_the_tutorial_does_and_prints_what_it_says(tmp_path):
    environment = reader_environment(tmp_path / "home")
    steps = steps_of(PAGE)
    assert {"train", "index", "search", "duplicates", "calibrate", "export"} <= {
        line.split()[1]
        for step in steps
        if step.language == "sh"
        for line in step.code.splitlines()
    }
    for step in steps:
        printed = run_step(step, tmp_path, environment)
        check_quoted(
            step.quoted, [line.replace(str(tmp_path), "/home/me") for line in printed], TOLERANCE
        )
    tuned = load_model(tmp_path / "digits-64-tuned")
    assert tuned.network.parent == tmp_path / "digits-64-tuned"
    assert tuned.hasher.hidden == 0
    assert tuned.training.details["crops"] == 0


@pytest.mark.parametrize(
    ("quoted", "printed"),
    [
        ("precision@5  91.50 %", "precision@5  61.50 %"),
        ("88.6 %  standard protocol", "77.0 %  standard protocol"),
        ("wrote model", "saved model"),
    ],
)
def test_a_page_that_quotes_something_else_is_found_out(quoted, printed):
    check_quoted([quoted], ["another line", quoted], TOLERANCE)
    with pytest.raises(AssertionError):
        check_quoted([quoted], [printed], TOLERANCE)
