"""A report that fails costs the report alone."""

import hashlens.report
from hashlens.cli.training import reported
from hashlens.encoder import Encoder
from hashlens.errors import HashlensError

from .conftest import search_of


def test_a_report_that_fails_is_told_and_the_model_stays(encoder, data, model, monkeypatch, capsys):
    def no_room(*_):
        raise HashlensError("report.html can't be written: no space left")

    monkeypatch.setattr(hashlens.report, "write_report", no_room)
    assert reported(encoder, data, search_of(encoder, data), model) is None
    assert "the model is saved, but its report could not be written" in capsys.readouterr().err
    assert Encoder.load(model).digest == encoder.digest
