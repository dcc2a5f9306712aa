"""A report that fails costs the report alone."""

import hashlens.report
from hashlens.errors import HashlensError
from hashlens.model.loading import load_model
from hashlens.training.output import Output

from .conftest import search_of


def test_a_report_that_fails_is_told_and_the_model_stays(model, data, model_folder, monkeypatch):
    def no_room(*_):
        raise HashlensError("report.html can't be written: no space left")

    monkeypatch.setattr(hashlens.report, "write_report", no_room)
    messages = []
    output = Output(model_folder, report=True)
    output.save_figures(model, data, search_of(model, data), messages.append)
    assert messages[-1] == (
        "the model is saved, but its report could not be written: "
        "report.html can't be written: no space left"
    )
    assert load_model(model_folder).digest == model.digest
