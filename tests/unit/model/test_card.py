"""The card shows texts of others as they are, and nothing of them acts as Markdown."""

from dataclasses import replace

import pytest
from pixel_model import pixel_model

from hashlens.model.training_record import TrainingRecord

HOSTILE = "x](http://evil) <img src=e> **b** _i_ `c` a|b\n# Title\n| row | \x1b[31m"
SHOWN = (
    r"x\](http://evil) \<img src=e\> \*\*b\*\* \_i\_ \`c\` a\|b\\n# Title\\n\| row \| \\x1b\[31m"
)


@pytest.fixture
def card():
    return pixel_model().card()


def test_texts_in_tables_are_escaped(card):
    record = TrainingRecord(method="lsh", data=HOSTILE, details={"note": HOSTILE})
    text = replace(card, training=record).markdown()
    assert f"| data | {SHOWN} |" in text.splitlines()
    assert f"| note | {SHOWN} |" in text.splitlines()


def test_texts_in_sentences_are_escaped(card):
    spec = replace(card.spec, license=HOSTILE, source="https://example.org/some_model")
    shown = SHOWN.replace(r"\|", "|")
    lines = replace(card, spec=spec).markdown().splitlines()
    assert f"- Weights of the descriptor: {shown}. Source: https://example.org/some_model." in lines


def test_code_ends_where_it_should(card):
    text = replace(card, digest="a` <b>\n").markdown()
    assert r"| SHA-256 of the model | `a' <b>\n` |" in text.splitlines()
