"""Texts of strangers are shown as one line that does nothing to a terminal."""

import pytest

from hashlens.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("two\nlines\r\ttab", r"two\nlines\r\ttab"),
        ("bell\x07 \x7f \x9b5n", r"bell\x07 \x7f \x9b5n"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud83d", r"\ud83d"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("one\u2028two", r"one\u2028two"),
    ],
)
def test_what_would_act_on_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    ["plain.png", "café", "cafe\u0301", "日本", "🐱\u200d🚀", "back\\slash", "a\u00a0b", "→ × –"],
)
def test_letters_of_all_languages_stay(text):
    assert printable(text) == text
