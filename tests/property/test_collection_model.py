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
    """The collection beside its model.

    ``files`` are on the disk, each a content or, for a symbolic link, the name of its target;
    ``known`` are contents by name, of which some are ``missing``; ``scope`` are roots and removed
    parts; the root is ``away`` while its share is not mounted.
    """

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
        self.files, self.known, self.missing, self.scope = {}, {}, set(), {}
        self.away = False
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
        self.clear(name)
        self.clock += 1
        save(self.root / name, content)
        os.utime(self.root / name, (self.clock, self.clock))
        self.files[name] = content

    @rule(name=NAME)
    def touch(self, name):
        if self.content(name) is not None:
            self.clock += 1
            os.utime(self.root / name, (self.clock, self.clock))

    @rule(name=NAME)
    def delete(self, name):
        self.clear(name)

    @rule(folder=st.sampled_from("ab"))
    def delete_folder(self, folder):
        self.mount()
        shutil.rmtree(self.root / folder, ignore_errors=True)
        self.files = {name: c for name, c in self.files.items() if not below(name, folder)}

    @rule(old=NAME, new=NAME)
    def rename(self, old, new):
        if old in self.files and old != new:
            self.clear(new)
            (self.root / new).parent.mkdir(exist_ok=True)
            (self.root / old).rename(self.root / new)
            self.files[new] = self.files.pop(old)

    @rule(old=NAME, new=NAME)
    def link(self, old, new):
        """Give a file a second name, which leads to it though the first may go."""
        if old != new and isinstance(self.files.get(old), int):
            self.clear(new)
            (self.root / new).parent.mkdir(exist_ok=True)
            os.link(self.root / old, self.root / new)
            self.files[new] = self.files[old]

    @rule(old=NAME, new=NAME)
    def symlink(self, old, new):
        if old != new:
            self.clear(new)
            (self.root / new).parent.mkdir(exist_ok=True)
            (self.root / new).symlink_to(self.root / old)
            self.files[new] = old

    @rule(leave_mount_point=st.booleans())
    def unmount(self, leave_mount_point):
        if not self.away:
            self.root.rename(self.folder / "share")
            self.away = True
            if leave_mount_point:
                self.root.mkdir()

    @rule()
    def mount(self):
        if self.away:
            if self.root.exists():
                self.root.rmdir()
            (self.folder / "share").rename(self.root)
            self.away = False

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
            if (self.root / place).exists():
                self.learn(place)
        for name in list(self.known):
            if name not in self.on_disk():
                self.miss(name)
            elif self.content(name) is None:
                self.meet_dead_end(name)
            else:  # no root need lead to it any more
                self.see(name)
        assert report.missing == len(self.contents(self.missing) - self.contents(self.visible()))

    @rule()
    def prune(self):
        lost = self.contents(self.missing) - self.contents(self.visible())
        assert self.collection.prune().images == len(lost)
        for name in self.missing:
            del self.known[name]
            if self.scope.get(name) == "root":
                del self.scope[name]
        self.missing.clear()

    @rule(place=PLACE)
    def remove(self, place):
        lost = [name for name in self.known if below(name, place)]
        forgotten = [entry for entry in self.scope if below(entry, place)]
        report = self.collection.remove([self.root / place])
        assert report.removed == len(lost)
        for name in lost:
            del self.known[name]
        self.missing -= set(lost)
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
        rows = {os.path.relpath(row.path, self.root): row for row in storage.catalog.files.all()}
        assert {name: row.slot is None for name, row in rows.items()} == {
            name: content == 0 for name, content in self.known.items()
        }
        slots = {}
        for name, row in rows.items():
            if row.slot is not None:
                assert storage.record(row.slot)[0].tobytes() == self.codes[self.known[name]]
                assert (row.missing_since is not None) == (name in self.missing)
                slots.setdefault(self.known[name], set()).add(row.slot)
        assert all(len(found) == 1 for found in slots.values())
        assert len(self.collection) == len(self.contents(self.visible()))
        assert self.collection.verify() == []

    def on_disk(self):
        return {} if self.away else self.files

    def content(self, name):
        """Return what a name leads to; None if it is not there, or leads nowhere."""
        found, steps = name, 0
        while isinstance(found, str) and steps <= len(NAMES):
            found, steps = self.on_disk().get(found), steps + 1
        return found if isinstance(found, int) else None

    def clear(self, name):
        """Make room for a file."""
        self.mount()
        if self.files.pop(name, None) is not None:
            (self.root / name).unlink()

    def visible(self):
        return {name for name, content in self.known.items() if content} - self.missing

    def contents(self, names):
        return {self.known[name] for name in names}

    def see(self, name):
        self.known[name] = self.content(name)
        self.missing.discard(name)

    def miss(self, name):
        if self.known[name] == 0:
            del self.known[name]
        else:
            self.missing.add(name)

    def meet_dead_end(self, name):
        if self.known.setdefault(name, 0) != 0:
            self.missing.add(name)

    def learn(self, place):
        """A walk from a root takes in all files that no exclusion below it hides."""
        for name in self.on_disk():
            hidden = any(
                kind == "excluded" and below(name, entry) and below(entry, place)
                for entry, kind in self.scope.items()
            )
            if below(name, place) and not hidden:
                if self.content(name) is None:
                    self.meet_dead_end(name)
                else:
                    self.see(name)


def below(name, place):
    return place in ("", name) or name.startswith(place + "/")


CollectionMachine.TestCase.settings = settings(suppress_health_check=list(HealthCheck))
TestCollection = CollectionMachine.TestCase
