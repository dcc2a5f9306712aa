"""Write the codes of a trained model that the search benchmark takes.

    python benchmarks/search_codes.py --data DIR --out CODES
    python benchmarks/search.py --codes CODES

DIR holds CIFAR-100 as parquet files in the public hub's layout. The default preset of the
autoencoder is trained on the training images with 64 and with 128 bits. The training images are
searched; the queries are the test images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from cifar import described

from hashlens.cli.figures import print_epoch
from hashlens.hashers import create_hasher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    _, data = described(arguments.data, arguments.cache)
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.save(arguments.out / "labels.npy", data.train.labels)
    for bits, ending in ((64, ""), (128, "128")):
        hasher = create_hasher("autoencoder", bits)
        hasher.fit(data.train.vectors, data.train.labels, on_epoch=print_epoch)
        np.save(arguments.out / f"codes{ending}.npy", hasher.transform(data.train.vectors))
        np.save(arguments.out / f"queries{ending}.npy", hasher.transform(data.test.vectors))


if __name__ == "__main__":
    main()
