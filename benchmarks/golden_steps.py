"""The commands that golden.py runs, in order; later ones use what earlier ones have made."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from golden_inputs import add_fresh

WORK = "{work}"
"""Stands for the folder of work in arguments and in documents."""

_METHODS = "itq lsh pcah pca-rr sh sph kmh splh bre dh sdh"
_METHODS_WITH_EPOCHS = "dlbhc autoencoder codebook"


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes
    ----------
    name : str
        Says which it is, whatever others there are.
    argv : tuple of str
        Arguments of hashlens, with `WORK` for the folder of work.
    prepare : callable, optional
        Called with the folder of work before the command runs.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Path], None] | None = None


def all_steps() -> list[Step]:
    """Return every command."""
    return [
        *_indexing(),
        *_searching(),
        *_looking(),
        *_changing(),
        *_training(),
        *_variants_of_training(),
        *_evaluating(),
        *_calibrating(),
        *_exporting(),
        *_benchmarking(),
    ]


def _step(
    name: str, command: str, prepare: Callable[[Path], None] | None = None, json: bool = True
) -> Step:
    """Return a step of a command line; a colon before a path stands for the folder of work."""
    words = [f"{WORK}/{word[1:]}" if word[0] == ":" else word for word in shlex.split(command)]
    return Step(name, (*words, "--json") if json else tuple(words), prepare)


def _indexing() -> list[Step]:
    return [
        _step("index", "index :photos -c :plain"),
        _step("index again", "index :photos -c :plain"),
        _step("index descriptors", "index :photos/a :photos/copies -c :kept --keep-descriptors"),
        _step("index more", "index :photos/b :photos/a -c :kept"),
        _step("index a file", "index :photos/a/tile00.png :photos/broken/half.jpg -c :single"),
        _step("index strictly", "index :photos/broken -c :strict --strict"),
        _step("index nothing", "index :missing -c :none"),
        _step("index without paths", "index -c :plain"),
        _step("index descriptors too late", "index :photos/a -c :plain --keep-descriptors"),
    ]


def _searching() -> list[Step]:
    query = "search :queries/crop.png"
    return [
        _step("search", f"{query} -c :plain"),
        _step("search k", f"{query} -c :plain -k 3"),
        _step("search all", f"{query} -c :plain -k 1000"),
        _step("search radius", f"{query} -c :plain --radius 30"),
        _step("search radius 0", "search :photos/a/tile20.png -c :plain --radius 0"),
        _step("search radius and k", f"{query} -c :plain --radius 50 -k 4"),
        _step("search too small a radius", "search :queries/foreign.png -c :plain --radius 1"),
        _step("search several", f"{query} :queries/beside.jpg :queries/foreign.png -c :plain -k 4"),
        _step("search reranked", f"{query} :queries/beside.jpg -c :kept -k 6 --rerank"),
        _step("search reranked radius", f"{query} -c :kept --radius 48 --rerank"),
        _step("search reranked in vain", f"{query} -c :plain --rerank"),
        _step("search uncalibrated", f"{query} -c :plain --precision 0.9"),
        _step("search broken", "search :queries/broken.jpg -c :plain"),
        _step("search missing", "search :queries/missing.png -c :plain"),
        _step("search no collection", f"{query} -c :none"),
        _step("search k 0", f"{query} -c :plain -k 0"),
    ]


def _looking() -> list[Step]:
    return [
        _step("duplicates 0", "duplicates --radius 0 -c :plain"),
        _step("duplicates 8", "duplicates --radius 8 -c :plain"),
        _step("duplicates 32", "duplicates --radius 32 -c :kept"),
        _step("duplicates without radius", "duplicates -c :plain"),
        _step("info", "info -c :plain"),
        _step("info all", "info --failures --verify -c :plain"),
        _step("info descriptors", "info --verify -c :kept"),
        _step("info no collection", "info -c :none"),
    ]


def _changing() -> list[Step]:
    return [
        _step("build", "index --build -c :plain"),
        _step("info built", "info --verify -c :plain"),
        _step("search built", "search :queries/crop.png -c :plain -k 5"),
        _step("duplicates built", "duplicates --radius 8 -c :plain"),
        _step("update", "update -c :plain", prepare=add_fresh),
        _step("update again", "update -c :plain"),
        _step("update descriptors", "update -c :kept"),
        _step("update strictly", "update -c :plain --strict"),
        _step("search updated", "search :fresh/fresh1.png -c :plain -k 5"),
        _step("remove", "remove :photos/copies :photos/a/tile01.png -c :plain", json=False),
        _step("remove unknown", "remove :photos/unknown -c :plain", json=False),
        _step("update removed", "update -c :plain"),
        _step("info removed", "info --failures --verify -c :plain"),
        _step("duplicates removed", "duplicates --radius 0 -c :plain"),
        _step("index and build", "index :photos/copies -c :plain --build"),
        _step("search removed", "search :queries/crop.png -c :plain -k 5"),
    ]


def _training() -> list[Step]:
    """Return a training of every method, at 16 bits, and a check of the data."""
    options = "--bits 16 --no-report"
    steps = [
        _step("check", "train :labelled --check"),
        _step("check dirty", "train :dirty --check"),
        _step("check table", "train :parts.csv --check"),
        _step("check several labels", "train :several.csv --check"),
        _step("check nothing", "train :missing --check"),
    ]
    command = f"train :labelled {options} --method"
    steps += [
        _step(f"train {name}", f"{command} {name} --out :models/{name}")
        for name in _METHODS.split()
    ]
    return steps + [
        _step(f"train {name}", f"{command} {name} --epochs 2 --out :models/{name}")
        for name in _METHODS_WITH_EPOCHS.split()
    ]


def _variants_of_training() -> list[Step]:
    short = "--bits 32 --epochs 3 --no-report"
    itq = "--method itq --bits 32 --no-report"
    return [
        _step("train report", "train :labelled --method itq --bits 32 --out :models/report"),
        _step("train heldout", f"train :labelled {short} --protocol heldout --out :models/heldout"),
        _step(
            "train unseen",
            f"train :labelled {itq} --bits 16 --protocol unseen --out :models/unseen",
        ),
        _step("train too few", f"train :labelled {itq} --protocol unseen --out :models/unknown"),
        _step("train general", f"train :labelled {short} --preset general --out :models/general"),
        _step("train paper", f"train :labelled {short} --preset paper --out :models/paper"),
        _step("train rate", f"train :labelled {short} --learning-rate 0.001 --out :models/rate"),
        _step("train seed", f"train :labelled {itq} --seed 7 --split-seed 3 --out :models/seed"),
        _step("train table", f"train :parts.csv {itq} --out :models/table"),
        _step(
            "train several labels",
            f"train :several.csv --method codebook {short} --out :models/several",
        ),
        _step("train dirty", f"train :dirty {itq} --out :models/dirty"),
        _step("train too dirty", f"train :dirty {itq} --max-unusable 0 --out :models/refused"),
        _step(
            "train last",
            f"train :labelled --method codebook {short} --tune last --tune-blocks 1 "
            "--tune-crops 1 --device cpu --out :models/last",
        ),
        _step("train unknown", "train :labelled --method itk --out :models/unknown"),
        _step("train bits", "train :labelled --bits 13 --out :models/unknown"),
        _step("train itq epochs", "train :labelled --method itq --epochs 2 --out :models/unknown"),
    ]


def _evaluating() -> list[Step]:
    return [
        _step("evaluate", "evaluate default :labelled"),
        _step("evaluate heldout", "evaluate default :labelled --protocol heldout"),
        _step("evaluate unseen", "evaluate default :labelled --protocol unseen --split-seed 1"),
        _step("evaluate itq", "evaluate :models/itq :labelled"),
        _step("evaluate autoencoder", "evaluate :models/heldout :labelled --protocol heldout"),
        _step("evaluate trained unseen", "evaluate :models/unseen :labelled --protocol unseen"),
        _step("evaluate tuned", "evaluate :models/last :labelled"),
        _step("evaluate table", "evaluate :models/table :parts.csv"),
        _step("evaluate several labels", "evaluate :models/several :several.csv"),
        _step("evaluate dirty", "evaluate default :dirty"),
        _step("evaluate parquet", "evaluate default cifar100 --data :parquet"),
        _step("evaluate protocol", "evaluate default :labelled --protocol seen"),
        _step("evaluate nothing", "evaluate :models/missing :labelled"),
    ]


def _calibrating() -> list[Step]:
    quick = "--resamples 300 --precision 0.4,0.6,1.0"
    return [
        _step("calibrate out", f"calibrate default :labelled {quick} --out :models/calibrated"),
        _step("calibrate", f"calibrate :models/itq :labelled {quick}"),
        _step("calibrate lengths", f"calibrate :models/lsh :labelled {quick} --bits 8,16,32"),
        _step(
            "calibrate options",
            f"calibrate :models/pcah :labelled {quick} --confidence 0.8 --seed 5",
        ),
        _step("calibrate too few resamples", "calibrate :models/itq :labelled --resamples 100"),
        _step("calibrate default", "calibrate default :labelled"),
        _step("calibrate collection", f"calibrate :plain :labelled {quick}"),
        _step("search precision", "search :photos/a/tile20.png -c :plain --precision 0.6"),
        _step("search precision k", "search :queries/crop.png -c :plain --precision 0.4 -k 2"),
        _step("duplicates precision", "duplicates --precision 0.6 -c :plain"),
        _step("index model", "index :labelled -c :own --model :models/itq --keep-descriptors"),
        _step("search model", "search :labelled/sand/03.png -c :own -k 5 --rerank"),
        _step("index other model", "index :photos/a -c :plain --model :models/itq"),
        _step("info model", "info --verify -c :own"),
    ]


def _exporting() -> list[Step]:
    trained = ("itq", "autoencoder", "sh", "codebook", "kmh", "last")
    return [
        _step("export default", "export default :exported/default.onnx"),
        *(
            _step(f"export {name}", f"export :models/{name} :exported/{name}.onnx")
            for name in trained
        ),
        _step("export tables", "export :plain :exported/codes.parquet :exported/codes.faiss"),
        _step("export collection", "export :own :exported/own.onnx :exported/own.parquet"),
        _step("export int8", "export default :exported/int8.onnx --int8 --calibration :photos"),
        _step("export int8 alone", "export default :exported/int8.onnx --int8"),
        _step("export suffix", "export default :exported/model.txt"),
        _step("export model table", "export default :exported/codes.parquet"),
    ]


def _benchmarking() -> list[Step]:
    command = "benchmark :labelled --bits 16 --seeds 1 --no-plots"
    tuned = f"{command} --methods itq,sph --candidates 2 --protocols standard --out :tuned"
    deep = f"{command} --methods codebook,dlbhc --candidates 1 --protocols heldout --out :deep"
    return [
        _step("benchmark", f"{command} --methods itq,lsh,sh --candidates 1 --out :measured"),
        _step("benchmark tuned", tuned),
        _step("benchmark tuned again", tuned),
        _step("benchmark deep", deep),
        _step("benchmark failing", f"{command} --methods sph --protocols unseen --out :failing"),
        _step("benchmark unknown", f"{command} --methods itk --out :unknown"),
    ]
