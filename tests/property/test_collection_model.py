"""Whatever is done to files and collection, in any order: it knows what a dictionary knows."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from PIL import Image
from pixel_model import pixel_model

from hashlens.collection import Collection
from hashlens.images import decode_image

MODEL = pixel_model()
NAMES = [f"{folder}/{number}.png" for folder in "ab" for number in range(2)]
NAME = st.sampled_from(NAMES)
PLACE = st.sampled_from(["", "a", "b", *NAMES])
CONTENT = st.integers(0, 4)
"""Zero is a file that is no image; the others are pictures."""


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if content == 0:
        path.write_bytes(b"no picture")
    else:
        blocks = np.random.default_rng(content).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(blocks).save(path)


def code_of(path):
    return MODEL.encode_pixels(decode_image(path.read_bytes(), MODEL.fit)[None])[0].tobytes()


class CollectionMachine(RuleBasedStateMachine):
    """The collection beside its model: ``files`` on the disk, ``known`` contents, ``scope``."""

    @initialize()
    def begin(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=memory))
        self.root = self.folder / "photos"
        self.root.mkdir()
        self.codes = {}
        for content in range(1, 5):
            save(self.folder / "sample.png", content)
            self.codes[content] = code_of(self.folder / "sample.png")
        self.collection = Collection.create(self.folder / "c", MODEL, keep_descriptors=True)
        self.files, self.known, self.scope = {}, {}, {}
        self.clock = 0
        # Begin with something to lose: from nothing, most sequences would stay at nothing.
        for content, name in enumerate(NAMES):
            self.write(name, content)
        self.index("")

    def teardown(self):
        if hasattr(self, "collection"):
            self.collection.close()
            shutil.rmtree(self.folder)

    @rule(name=NAME, content=CONTENT)
    def write(self, name, content):
        self.clock += 1
        save(self.root / name, content)
        os.utime(self.root / name, (self.clock, self.clock))
        self.files[name] = content

    @rule(name=NAME)
    def touch(self, name):
        if name in self.files:
            self.clock += 1
            os.utime(self.root / name, (self.clock, self.clock))

    @rule(name=NAME)
    def delete(self, name):
        if self.files.pop(name, None) is not None:
            (self.root / name).unlink()

    @rule(folder=st.sampled_from("ab"))
    def delete_folder(self, folder):
        shutil.rmtree(self.root / folder, ignore_errors=True)
        self.files = {name: c for name, c in self.files.items() if not below(name, folder)}

    @rule(old=NAME, new=NAME)
    def rename(self, old, new):
        if old in self.files and old != new:
            (self.root / new).parent.mkdir(exist_ok=True)
            (self.root / old).rename(self.root / new)
            self.files[new] = self.files.pop(old)

    @rule(place=PLACE)
    def index(self, place):
        self.collection.index([self.root / place])
        if (self.root / place).exists():
            self.scope[place] = "root"
            self.learn(place)

    @rule()
    def update(self):
        report = self.collection.update()
        for place in [place for place, kind in self.scope.items() if kind == "root"]:
            self.learn(place)
        # Files that no root leads to any more, but that were not removed, stay up to date too.
        self.known = {name: self.files.get(name, content) for name, content in self.known.items()}
        gone = [name for name in self.known if name not in self.files and not self.hidden(name)]
        for name in gone:
            del self.known[name]
            self.scope.pop(name, None)
        assert report.removed == len(gone)

    @rule(place=PLACE)
    def remove(self, place):
        lost = [name for name in self.known if below(name, place)]
        forgotten = [entry for entry in self.scope if below(entry, place)]
        report = self.collection.remove([self.root / place])
        assert report.removed == len(lost)
        for name in lost:
            del self.known[name]
        for entry in forgotten:
            del self.scope[entry]
        above = max(
            (e for e in self.scope if below(place, e) and e != place), key=len, default=None
        )
        if (lost or forgotten) and above is not None and self.scope[above] == "root":
            self.scope[place] = "excluded"

    @rule()
    def compact(self):
        self.collection._storage.compact()

    @rule()
    def reopen(self):
        self.collection.close()
        self.collection = Collection.open(self.folder / "c", write=True, model=MODEL)

    @invariant()
    def agrees(self):
        if not hasattr(self, "collection"):
            return
        storage = self.collection._storage
        rows = {os.path.relpath(row.path, self.root): row for row in storage.catalog.images()}
        assert {name: row.slot is None for name, row in rows.items()} == {
            name: content == 0 for name, content in self.known.items()
        }
        for name, row in rows.items():
            if row.slot is not None:
                assert storage.record(row.slot)[0].tobytes() == self.codes[self.known[name]]
        assert self.collection.verify() == []

    def learn(self, place):
        """A walk from a root takes in all files that no exclusion below it hides."""
        for name, content in self.files.items():
            hidden = any(
                kind == "excluded" and below(name, entry) and below(entry, place)
                for entry, kind in self.scope.items()
            )
            if below(name, place) and not hidden:
                self.known[name] = content

    def hidden(self, name):
        """Whether a file is below a root that is missing, so that its absence says nothing."""
        for place, kind in self.scope.items():
            says_nothing = place != name or not (self.root / name).parent.is_dir()
            missing = kind == "root" and not (self.root / place).exists()
            if missing and below(name, place) and says_nothing:
                return True
        return False


def below(name, place):
    return place in ("", name) or name.startswith(place + "/")


CollectionMachine.TestCase.settings = settings(suppress_health_check=list(HealthCheck))
TestCollection = CollectionMachine.TestCase
