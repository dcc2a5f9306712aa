import json
import re
import subprocess

import pytest

from hashlens.benchmark import (
    Results,
    Settings,
    curves,
    document,
    run_benchmark,
    write_report,
)
from hashlens.benchmark.context import commit, machine
from hashlens.benchmark.quoted import printed_precision_at_5
from hashlens.benchmark.summary import Spread, cells, margins, supervised_behind

from .conftest import SMALL_BUDGET

COMMAND = "hashlens benchmark cifar100 --out here"


def report(results, features, settings, out, plots=False):
    found = document(results, features, settings, COMMAND)
    return write_report(found, curves(results), out, plots=plots)


@pytest.fixture(scope="module")
def found(run, features, settings):
    return document(run[0], features, settings, COMMAND)


def test_document_is_rows_and_context(found):
    assert set(found) == {"rows", "context"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    required = {"method", "preset", "bits", "protocol", "seed", "precision_at_5",
                "precision_at_5_low", "precision_at_5_high",
                "map", "fit_seconds"}  # fmt: skip
    for row in found["rows"]:
        assert required <= row.keys()
        assert "curves" not in row


def test_context_states_what_a_table_must(found):
    context = found["context"]
    for fact in ("descriptor", "data", "splits", "split_seed", "metric", "ties", "seeds",
                 "selection", "baselines", "command", "commit", "machine"):  # fmt: skip
        assert fact in context
    assert context["descriptor"] == {"backbone": "random", "normalization": "unit L2 length"}
    assert "(of these)" in context["splits"]["standard"]
    assert "(none of these)" in context["splits"]["heldout"]
    assert context["machine"]["cores"] >= 1


def test_report_files(run, features, settings, tmp_path):
    one_protocol = Results(rows=[row for row in run[0].rows if row["protocol"] == "heldout"])
    written = report(one_protocol, features, settings, tmp_path, plots=True)
    assert (tmp_path / "cifar100.json") in written
    for path in written:
        head = path.read_bytes()[:300]
        assert head.startswith(b"\x89PNG") if path.suffix == ".png" else head
        if path.suffix == ".svg":
            assert b"<svg" in path.read_bytes()
    plots = {path.stem for path in written if path.suffix == ".svg"}
    assert plots == {path.stem for path in written if path.suffix == ".png"}
    assert plots == {
        "cifar100-precision-at-5-heldout",
        "cifar100-precision-recall-heldout",
        "cifar100-precision-radius-heldout",
        "cifar100-bit-statistics-heldout",
    }


def test_curves_of_the_first_seed_have_a_file(run, features, settings, tmp_path):
    report(run[0], features, settings, tmp_path)
    drawn = json.loads((tmp_path / "cifar100-curves.json").read_text())
    assert len(drawn) == len([row for row in run[0].rows if row["seed"] == 0]) == 12
    assert all(len(row["curves"]["precision"]) == row["bits"] + 1 for row in drawn)


def test_context_names_what_was_fitted_once(features, tmp_path):
    settings = Settings(
        bits=(8,), methods=("pcah", "lsh"), protocols=("standard",), budget=SMALL_BUDGET
    )
    results = run_benchmark(features, settings, tmp_path)
    assert [(row["method"], row["seed"]) for row in results.rows] == [
        ("lsh", 0), ("pcah", 0), ("lsh", 1), ("lsh", 2)
    ]  # fmt: skip
    context = document(results, features, settings, COMMAND)["context"]
    assert context["seeds"].endswith("Fitted once because they have no seed: pcah.")


def test_page_shows_every_method_length_and_baseline(run, features, settings, tmp_path):
    report(run[0], features, settings, tmp_path)
    page = (tmp_path / "cifar100.md").read_text()
    for protocol in ("standard", "heldout", "unseen"):
        section = page.split(f"## Protocol `{protocol}`")[1].split("\n## ")[0]
        for line in ("exact k-NN on floats", "linear classifier", "class code, 3 bits", "`itq`"):
            assert f"| {line}" in section
        assert ("quoted from the paper" in section) == (protocol == "standard")
    assert COMMAND in page
    cell = next(
        c for c in cells(run[0].rows) if (c.label, c.bits, c.protocol) == ("itq", 16, "unseen")
    )
    assert re.search(
        rf"\| `itq` \|.*\| {re.escape(cell.spread('precision_at_5').percent())} \|", page
    )


def test_rows_of_a_table_are_as_wide_as_its_heading(run, features, settings, tmp_path):
    report(run[0], features, settings, tmp_path)
    widths = [
        {line.count(" | ") for line in table.splitlines()}
        for table in re.findall(r"(?:^\|.*\n)+", (tmp_path / "cifar100.md").read_text(), re.M)
    ]
    assert len(widths) >= 6
    assert all(len(width) == 1 for width in widths)


def test_failures_are_on_the_page(run, features, settings, tmp_path):
    failed = Results(
        rows=run[0].rows,
        splits=run[0].splits,
        failures=[
            {"step": "standard kmh 32 bits", "error": "MemoryError: no", "where": "kmh.py:1"}
        ],
    )
    report(failed, features, settings, tmp_path)
    page = (tmp_path / "cifar100.md").read_text()
    assert "## Not measured" in page
    assert "standard kmh 32 bits: MemoryError: no" in page


def row(method, precision_at_5, seed, bits=64, supervised=False):
    return {"method": method, "preset": "default", "bits": bits, "protocol": "standard",
            "seed": seed, "precision_at_5": precision_at_5, "supervised": supervised,
            "parameters": {} if method == "pcah" else {"random_state": seed}}  # fmt: skip


def test_spread_over_seeds():
    cell = cells([row("itq", 0.4, 0), row("itq", 0.5, 1), row("itq", 0.6, 2)])[0]
    assert cell.spread("precision_at_5").mean == pytest.approx(0.5)
    assert cell.spread("precision_at_5").deviation == pytest.approx(0.1)
    assert cell.spread("map") is None
    assert cells([row("itq", 0.4, 0)])[0].spread("precision_at_5") == Spread(0.4, None, 1)


@pytest.mark.parametrize(("lead", "ahead"), [(0.001, False), (0.2, True), (-0.2, False)])
def test_margin_is_over_the_best_rival_in_deviations(lead, ahead):
    rows = [
        row("autoencoder", 0.6 + lead + noise, seed) for seed, noise in enumerate((0, 0.01, 0.02))
    ]
    rows += [row("dlbhc", 0.6 + noise, seed) for seed, noise in enumerate((0, 0.01, 0.02))]
    rows += [row("lsh", 0.3, 0), row("itq", 0.9, 0)]
    (margin,) = margins(cells(rows))
    assert margin.rival_name == "dlbhc"
    assert margin.deviation == pytest.approx(0.01 * 2**0.5)
    assert margin.is_ahead is ahead
    assert margin.printed == printed_precision_at_5("autoencoder", 64) == 0.5308


def test_supervised_methods_behind_an_unsupervised_one():
    rows = [
        {**row(method, precision_at_5, 0, bits, supervised), "protocol": "unseen"}
        for method, precision_at_5, bits, supervised in [
            ("itq", 0.5, 64, False),
            ("dlbhc", 0.4, 64, True),
            ("codebook", 0.6, 64, True),
            ("lsh", 0.1, 64, False),
            ("itq", 0.5, 128, False),
            ("codebook", 0.3, 128, True),
            ("bre", 0.2, 128, True),
            ("dlbhc", 0.1, 32, True),
        ]
    ]
    behind = supervised_behind(cells(rows), "itq", "unseen")
    assert behind == {64: ["dlbhc"], 128: ["bre", "codebook"]}


def test_one_seed_supports_no_claim():
    (margin,) = margins(cells([row("autoencoder", 0.9, 0), row("lsh", 0.1, 0)]))
    assert margin.deviation is None
    assert not margin.is_ahead


def test_a_rival_without_a_seed_has_no_deviation():
    rows = [row("autoencoder", 0.6 + noise, seed) for seed, noise in enumerate((0, 0.01, 0.02))]
    (margin,) = margins(cells([*rows, row("pcah", 0.5, 0)]))
    assert margin.deviation == pytest.approx(0.01)
    assert margin.is_ahead


def test_tables_list_methods_in_order():
    labels = [
        c.label for c in cells([row("codebook", 0.1, 0), row("lsh", 0.1, 0), row("itq", 0.1, 0)])
    ]
    assert labels == ["lsh", "itq", "codebook"]


def test_commit_outside_of_a_source_tree(tmp_path):
    assert commit(tmp_path) is None


def test_commit_is_marked_by_changes_of_anything_but_results(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True)

    source, result = tmp_path / "src" / "a.py", tmp_path / "benchmarks" / "results" / "a.json"
    for path in (source, result):
        path.parent.mkdir(parents=True)
        path.write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    name = commit(source.parent)
    assert re.fullmatch("[0-9a-f]{12}", name)
    result.write_text("2")
    assert commit(source.parent) == name
    source.write_text("2")
    assert commit(result.parent) == f"{name} with local changes"


def test_machine_is_named():
    assert machine()["processor"]
    assert machine()["packages"]["numpy"]
