"""Damage a model directory many times over, and count what loading it and encoding with it does.

Run as: python damaged_models.py SEED COUNT FOLDER, where FOLDER holds model directories. Prints
the counts as JSON; ``problems`` says of wrong codes and foreign exceptions how to make them again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from hashlens.errors import HashlensError
from hashlens.model import load_model

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
ODD = (None, True, -1, 0, 7, 1.5, 10**30, "", "\0../x", [], [[]], {}, {"a": [1]}, "5" * 64)

Files = dict[str, bytes]


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut the end off, repeat, remove or insert a part."""
    content, at = bytearray(data), rng.randrange(len(data))
    length = rng.choice((1, 2, 8, 64))
    kind = rng.randrange(5)
    if kind == 0:
        for _ in range(length):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        del content[at : at + length]
    elif kind == 3:
        content[at:at] = content[at : at + length]
    else:
        content[at : at + length] = rng.randbytes(length)
    return bytes(content)


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    """Replace, remove or nest one value, at any depth."""
    place = document = json.loads(data)
    while True:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.3:
            break
        place = place[key]
    kind = rng.randrange(4)
    if kind == 0:
        del place[key]
    elif kind == 1:
        place[key] = [place[key]]
    else:
        place[key] = rng.choice(ODD)
    return json.dumps(document).encode()


def damaged_npz(path: Path, data: bytes, rng: random.Random) -> bytes:
    """Change the shape, the type, the name or the values of an array."""
    path.write_bytes(data)
    with np.load(path) as file:
        arrays = dict(file)
    name = rng.choice(list(arrays))
    array = arrays.pop(name)
    changes = (
        lambda: {name: array.T if array.ndim > 1 else array[None]},
        lambda: {name: np.repeat(array, 2, rng.randrange(array.ndim))},
        lambda: {name: array[:0]},
        lambda: {name: array.astype(rng.choice(["f8", "i4", "f2", ">f4", "c8", "S4", "?"]))},
        lambda: {name: array * np.float32(np.nan)},
        lambda: {f"{name}x": array},
        lambda: {name: array, "more": np.zeros(3)},
    )
    compress = rng.random() < 0.3
    (np.savez_compressed if compress else np.savez)(path, **arrays, **rng.choice(changes)())
    return path.read_bytes()


def damage(files: Files, scratch: Path, rng: random.Random) -> None:
    """Damage one file in place; mostly, the checksums are made to agree."""
    name = rng.choice([name for name in files if not name.endswith(".md")])
    if name.endswith(".json") and rng.random() < 0.7:
        files[name] = damaged_json(files[name], rng)
    elif name.endswith(".npz") and rng.random() < 0.6:
        files[name] = damaged_npz(scratch / "arrays.npz", files[name], rng)
    else:
        files[name] = damaged_bytes(files[name], rng)
    if rng.random() < 0.8:
        stamp(files, name)


def stamp(files: Files, name: str) -> None:
    """Make the checksum of a damaged file the one that is expected."""
    if name == "model.json":
        return
    checksum = hashlib.sha256(files[name]).hexdigest()
    if name == "calibration.json":
        with contextlib.suppress(ValueError, AttributeError):  # no longer a JSON object
            content = json.loads(files[name])
            content.pop("sha256", None)
            text = json.dumps(content, sort_keys=True, separators=(",", ":"))
            content["sha256"] = hashlib.sha256(text.encode()).hexdigest()
            files[name] = json.dumps(content).encode()
    else:
        manifest = json.loads(files["model.json"])
        if name.endswith(".onnx") and manifest["format_version"] < 3:
            return  # Digests of these do not cover the network: see docs/formats.md.
        manifest["arrays_sha256" if name.endswith(".npz") else "network_sha256"] = checksum
        files["model.json"] = json.dumps(manifest).encode()


def outcome(folder: Path, digest: str, codes: np.ndarray) -> str:
    """Load and encode: refused, right, another (a model of another digest), or wrong."""
    try:
        model = load_model(folder)
        found = model.encode(list(PIXELS))
    except HashlensError:
        return "refused"
    if model.digest != digest:
        return "another"
    return "right" if np.array_equal(found, codes) else "wrong"


def main(seed: int, count: int, folder: Path) -> None:
    """Damage each model directory in turn, ``count`` times in all."""
    originals = []
    for path in sorted(folder.iterdir()):
        model = load_model(path)
        files = {f.name: f.read_bytes() for f in path.iterdir() if f.suffix and f.is_file()}
        originals.append((files, model.digest, model.encode(list(PIXELS))))
    counts: Counter[str] = Counter()
    problems = []
    with tempfile.TemporaryDirectory() as made:
        scratch, target = Path(made), Path(made) / "model"
        target.mkdir()
        for number in range(count):
            rng = random.Random(f"{seed} {number}")
            files, digest, codes = originals[number % len(originals)]
            changed = dict(files)
            damage(changed, scratch, rng)
            for name, data in changed.items():
                (target / name).write_bytes(data)
            try:
                found = outcome(target, digest, codes)
            except Exception:
                found = "foreign"
            counts[found] += 1
            if found in ("foreign", "wrong"):
                problems.append(f"{seed} {number}: {found}\n{traceback.format_exc()}")
            for path in target.iterdir():
                path.unlink()
    print(json.dumps({**counts, "problems": problems[:5]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
