"""Train until done, or until a kill -9 at a point: ``training_child.py TUNE POINT FOLDER``.

The last line is the digest of the model.
"""

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from small_network import SmallNetwork

from hashlens.datasets import cached_images as features
from hashlens.datasets import descriptor_cache as cache
from hashlens.datasets.described import describe_dataset
from hashlens.datasets.opening import load_dataset
from hashlens.hashers import create_hasher
from hashlens.model import saving
from hashlens.model.loading import load_model
from hashlens.training import train_model
from hashlens.training.finetune.run import finetune
from hashlens.training.finetune.tuning_options import TuningOptions, Workplace


def kill_at(owner, name, number, after=False):
    """Kill this process at the ``number``-th call of a function, before its work or after it."""
    work, calls = getattr(owner, name), iter(range(1, 1_000_000))

    def deadly(*arguments, **named):
        last = next(calls) == number
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = work(*arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def arm(point):
    from hashlens.training.finetune import run as tuning_module
    from hashlens.training.finetune.tuning import Tuning

    if point == "rows":  # the second chunk's rows are on the disk, their keys are not
        kill_at(cache, "_write", 3, after=True)
    if point == "keys":  # of another chunk, both are
        kill_at(cache, "_write", 2, after=True)
    if point == "full":  # the disk is, in the midst of a chunk
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, resource.RLIM_INFINITY))
    if point == "epoch":
        kill_at(Tuning, "_pass", 2)
    if point == "checkpoint":  # written half
        kill_at(torch, "save", 1, after=True)
    if point == "export":
        kill_at(tuning_module, "verify_network", 1)
    if point == "save":
        kill_at(saving, "_write_parts", 1, after=True)


def main(tune, point, folder):
    folder = Path(folder)
    torch.set_num_threads(1)
    # Small chunks, so that there is something to go on from.
    features._COMMIT, features._BATCH = 16, 8
    arm(point)
    data = load_dataset(folder / "data")
    schedule = {"epochs": 4, "batch_size": 16, "patience": 4}
    hasher = create_hasher("codebook", 16, hidden=8, schedule=schedule)
    if tune == "head":
        kill = point == "epoch"

        def on_epoch(epoch):
            if kill and epoch.number == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        described = describe_dataset(data, SmallNetwork(), folder / "cache")
        model = train_model(described, hasher, on_epoch=on_epoch)
    else:
        options = TuningOptions(tune, blocks=1, device="cpu")
        place = Workplace(folder / "work", folder / "cache")
        model = finetune(data, SmallNetwork(), hasher, options, place)
    model.save(folder / "model")
    kept = np.load(next((folder / "model").glob("hasher-*.npz")))
    print(load_model(folder / "model").digest, *sorted(kept.files))


if __name__ == "__main__":
    main(*sys.argv[1:])
