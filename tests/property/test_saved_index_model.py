"""Whatever is committed, saved, damaged or compacted: the index answers as a naive scan does."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pixel_model import pixel_model

from hashlens.codes import hamming_distance
from hashlens.collection import Collection
from hashlens.collection.indexed import CollectionIndex
from hashlens.collection.store import Change, FileRow
from hashlens.indexes import MultiIndex

MODEL = pixel_model(bits=16)
QUERIES = np.array([[0, 0], [1, 3], [255, 0]], dtype=np.uint8)
SEED = st.integers(0, 1000)


class SavedIndexMachine(RuleBasedStateMachine):
    """A writer, and a reader that stays open; small segments, and an index opened at once."""

    @initialize(seed=SEED)
    def begin(self, seed):
        self.saved = CollectionIndex.worth_opening, CollectionIndex.cost_of_opening
        CollectionIndex.worth_opening, CollectionIndex.cost_of_opening = 0, 0.0
        self.recent_limit, MultiIndex.recent_limit = MultiIndex.recent_limit, 8
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=memory))
        self.writer = Collection.create(self.folder / "c", MODEL)
        self.reader = Collection.open(self.folder / "c")
        self.file = self.folder / "c" / "codes.index"
        self.add(30, seed)
        self.build()

    def teardown(self):
        if hasattr(self, "writer"):
            CollectionIndex.worth_opening, CollectionIndex.cost_of_opening = self.saved
            MultiIndex.recent_limit = self.recent_limit
            self.writer.close()
            self.reader.close()
            shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 20), seed=SEED)
    def add(self, count, seed):
        """New images, and new content of known ones."""
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 4, (count, 2)).astype(np.uint8)
        names = rng.choice(60, count, replace=False)
        self.writer._storage.commit(
            [
                Change(FileRow(f"/{name}", 1, 1, None, None), code)
                for name, code in zip(names, codes, strict=True)
            ]
        )

    @rule(count=st.integers(1, 40), seed=SEED)
    def remove(self, count, seed):
        names = np.random.default_rng(seed).choice(60, count, replace=False)
        self.writer._storage.remove([f"/{name}" for name in names])

    @rule()
    def compact(self):
        self.writer._storage.compact()

    @rule()
    def build(self):
        self.writer.build_index()
        assert self.writer.info().saved_index == "fresh"

    @rule()
    def tidy(self):
        self.writer._tidy()

    @precondition(lambda self: self.file.exists())
    @rule(where=st.floats(0, 1, exclude_max=True))
    def damage(self, where):
        data = bytearray(self.file.read_bytes())
        data[int(where * len(data))] ^= 1
        self.file.unlink()  # Whoever has mapped the old file keeps it, as after a new build.
        self.file.write_bytes(data)

    @rule()
    def delete(self):
        self.file.unlink(missing_ok=True)

    @rule()
    def reopen_the_reader(self):
        self.reader.close()
        self.reader = Collection.open(self.folder / "c")

    @invariant()
    def answers_as_a_scan(self):
        if not hasattr(self, "writer"):
            return
        for collection in (self.writer, self.reader):
            with collection._storage.snapshot() as snapshot:
                index = collection._index.at(snapshot, len(QUERIES))
                live = snapshot.live
                assert len(index) == len(live)
                near, within = index.search(QUERIES, 9), index.search_radius(QUERIES, 2)
                for row, query in enumerate(QUERIES):
                    distances = hamming_distance(snapshot.codes[live], query)
                    order = np.argsort(distances, kind="stable")
                    assert near.ids[row, : near.counts[row]].tolist() == live[order[:9]].tolist()
                    expected = live[order[distances[order] <= 2]].tolist()
                    assert within.ids[row, : within.counts[row]].tolist() == expected


SavedIndexMachine.TestCase.settings = settings(suppress_health_check=list(HealthCheck))
TestSavedIndex = SavedIndexMachine.TestCase
