"""Make the pages and figures of committed results again, from their JSON files alone.

    python benchmarks/redraw.py [RESULTS]

Nothing is measured. RESULTS is the folder of results, by default the one beside this script.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import finetune
import invariance
import reranking
import unseen

from hashlens.benchmark import cells, write_report


def redraw(results: Path) -> None:
    for folder, plots in (("", True), ("ablation", False), ("unseen", False)):
        document, curves = (
            read(results / folder / f"cifar100{end}.json") for end in ("", "-curves")
        )
        write_report(document, curves, results / folder, plots=plots)
    rows = read(results / "unseen" / "cifar100.json")["rows"]
    unseen.draw(cells(rows), sorted({row["bits"] for row in rows}), results / "unseen")
    rows = read(results / "finetune.json")["rows"]
    planned = finetune.planned(seed=0, epochs=finetune.TUNING.epochs)
    known = [row for plan in planned if (row := finetune.measured(plan, rows))]
    finetune.write_report(known, results / "finetune.md")
    for study in (invariance, reranking):
        path = results / f"{study.__name__}.json"
        path.with_suffix(".md").write_text(study.page(read(path)), encoding="utf-8")


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    redraw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results")
