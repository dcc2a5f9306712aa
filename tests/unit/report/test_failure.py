"""A report that fails costs the report alone."""

import hashlens.report
from hashlens.cli.training import reported
from hashlens.errors import HashlensError
from hashlens.model.loading import load_model

from .conftest import search_of


def test_a_report_that_fails_is_told_and_the_model_stays(
    model, data, model_folder, monkeypatch, capsys
):
    def no_room(*_):
        raise HashlensError("report.html can't be written: no space left")

    monkeypatch.setattr(hashlens.report, "write_report", no_room)
    assert reported(model, data, search_of(model, data), model_folder) is None
    assert "the model is saved, but its report could not be written" in capsys.readouterr().err
    assert load_model(model_folder).digest == model.digest
