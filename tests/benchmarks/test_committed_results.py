"""The results in the repository: their keys and ranges, and pages that agree with them."""

import json
from pathlib import Path

import invariance
import pytest
import reranking

from hashlens.benchmark.markdown import render
from hashlens.benchmark.method_presets import PRESETS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
STUDIES = ("cifar100", "ablation/cifar100", "unseen/cifar100")
SHARES = (
    "precision_at_5_low", "precision_at_5", "precision_at_5_high", "map_low", "map", "map_high",
)  # fmt: skip


def read(name):
    def refuse(constant):
        raise AssertionError(f"{name} holds {constant}")

    return json.loads((RESULTS / name).read_text(), parse_constant=refuse)


def keys(value):
    """Yield every key of a document at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize("study", STUDIES)
def test_rows_have_the_keys_of_the_vocabulary(study):
    for row in read(f"{study}.json")["rows"]:
        assert list(row)[:5] == ["method", "preset", "bits", "protocol", "seed"]
        assert row.keys() >= {*SHARES, "quantization_error", "linear_reconstruction_error"}
        assert row["protocol"] in ("standard", "heldout", "unseen")
        assert row["bits"] in (32, 48, 64, 128)


@pytest.mark.parametrize("study", STUDIES)
def test_precision_is_a_share_between_its_bounds(study):
    for row in read(f"{study}.json")["rows"]:
        for low, expected, high in (SHARES[:3], SHARES[3:]):
            assert 0 <= row[low] <= row[expected] <= row[high] <= 1


def test_every_preset_is_measured_at_every_length():
    document = read("cifar100.json")
    rows = {(r["method"], r["preset"], r["bits"], r["protocol"]) for r in document["rows"]}
    expected = {
        (preset.method, preset.preset, bits, protocol)
        for preset in PRESETS
        for bits in (32, 48, 64, 128)
        for protocol in preset.protocols
    }
    missing = expected - rows
    assert {method for method, *_ in missing} <= {
        failure["step"].split()[1] for failure in document["context"]["failures"]
    }


def test_no_result_has_a_key_of_the_old_vocabulary():
    old = {"top5", "top5_low", "top5_high", "validation_top5", "normalisation", "labelled",
           "quantisation", "quantisation_error"}  # fmt: skip
    files = sorted(RESULTS.rglob("*.json"))
    assert len(files) > 10
    for path in files:
        assert not old & set(keys(read(path.relative_to(RESULTS))))


@pytest.mark.parametrize("study", STUDIES)
def test_pages_show_their_results(study):
    page = (RESULTS / f"{study}.md").read_text(encoding="utf-8")
    assert page == render(read(f"{study}.json"))


@pytest.mark.parametrize("study", [invariance, reranking])
def test_pages_of_studies_show_their_results(study):
    page = (RESULTS / f"{study.__name__}.md").read_text(encoding="utf-8")
    assert page == study.page(read(f"{study.__name__}.json"))
