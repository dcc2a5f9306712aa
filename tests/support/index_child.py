"""Work on a collection until done or killed: ``index_child.py MODE COLLECTION PHOTOS``."""

import signal
import sys
import time

from pixel_model import pixel_model

from hashlens.collection import Collection, indexing


def main(mode, folder, photos):
    # A process started in the background ignores interrupts, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Many small commits, so that a kill is likely to hit one.
    indexing._COMMIT_IMAGES, indexing._BATCH = 8, 4
    with Collection.open(folder, write=True, model=pixel_model()) as collection:
        if mode == "index":
            collection.index([photos], on_progress=announce)
        if mode == "index-slowly":
            # So slow that an interrupt surely finds it at work.
            collection.index([photos], on_progress=dawdle)
        while mode == "compact":
            announce("compact", 1, 1)
            collection._storage.compact()


def announce(step, done, total):
    if done == 1:
        print("started", flush=True)


def dawdle(step, done, total):
    announce(step, done, total)
    time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
