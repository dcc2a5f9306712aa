"""A collection: the directory that holds the codes of images, and the model that made them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hashlens.collection.changes import index_paths, update_all
from hashlens.collection.duplicates import duplicate_groups
from hashlens.collection.indexed import CollectionIndex
from hashlens.collection.indexing import Indexer, LabelOf
from hashlens.collection.info import collection_info
from hashlens.collection.knn_graph import KnnGraph, build_knn_graph
from hashlens.collection.missing import prune
from hashlens.collection.own_model import check_model, load_own_model, save_own_model
from hashlens.collection.queries import encode_queries
from hashlens.collection.results import (
    CollectionInfo,
    DuplicateGroup,
    Hit,
    IndexReport,
    MoveReport,
    PruneReport,
    RemoveReport,
)
from hashlens.collection.scope import (
    PathLike,
    Paths,
    absolute,
    all_absolute,
    move_paths,
    remove_paths,
)
from hashlens.collection.searching import find, search_options
from hashlens.collection.store import CatalogState, Snapshot, Storage, damage_of, is_catalog
from hashlens.errors import (
    CollectionChangedError,
    CollectionError,
    ModelMismatchError,
    ParameterError,
)
from hashlens.images import ImageSource
from hashlens.indexes.arguments import check_k, check_radius
from hashlens.model.encoding import OnError, check_several
from hashlens.model.loading import load_model
from hashlens.model.model import Model
from hashlens.progress import OnProgress

Answer = TypeVar("Answer")

_ATTEMPTS = 5
"""How often a read is repeated if the collection changes meanwhile."""


class Collection:
    """Images that can be searched by what they show; use `create` or `open` to get one.

    One process may write to a collection while any number search it: each search sees the
    collection as the last commit left it, and writes nothing: an index that is built in the
    background of searches stays in memory, and only `build_index` saves one. A collection is a
    context manager that closes itself.

    Examples
    --------
    >>> with Collection.create("photos.hashlens") as photos:  # doctest: +SKIP
    ...     report = photos.index(["~/Pictures"])
    ...     hits = photos.search("query.jpg", k=5)
    """

    def __init__(self, storage: Storage, model: Model | None = None) -> None:
        self._storage = storage
        self._model = model
        self._index = CollectionIndex(storage)
        self.folder = storage.folder

    def __repr__(self) -> str:
        try:
            return f"Collection({str(self.folder)!r}, bits={self.bits})"
        except CollectionError:
            return f"Collection({str(self.folder)!r}, closed)"

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        model: Model | None = None,
        *,
        keep_descriptors: bool = False,
    ) -> Self:
        """Make an empty collection, open for writing.

        Parameters
        ----------
        folder : path
            A new or empty directory.
        model : Model, optional
            Makes the codes; a copy is kept in the collection. By default the bundled model.
        keep_descriptors : bool
            Keep each image's descriptor too, in half precision, so that searches can re-rank. They
            can't be added later. Takes 2 × ``model.descriptor_dim`` bytes per image.

        Raises
        ------
        CollectionError
            If ``folder`` is a collection already or holds anything else, or can't be written.
        ParameterError
            If ``model`` is not a `Model`.
        """
        model = load_model() if model is None else model
        if not isinstance(model, Model):
            raise ParameterError(
                "The 'model' parameter of Collection.create must be a Model, as "
                f"hashlens.load_model(DIR) returns it. Got {model!r} instead."
            )
        dimension = model.descriptor_dim if keep_descriptors else None
        state = CatalogState(model.bits, model.digest, dimension)
        storage = Storage.create(Path(folder).expanduser(), state, partial(save_own_model, model))
        return cls(storage, model)

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        write: bool = False,
        model: Model | None = None,
    ) -> Self:
        """Open a collection.

        Parameters
        ----------
        folder : path
        write : bool
            Whether it will be changed. Only one process at a time can.
        model : Model, optional
            By default the collection's own, loaded when first needed.

        Raises
        ------
        CollectionError
            If there is no collection.
        CollectionLockedError
            If ``write`` and another process is writing.
        ModelMismatchError
            If ``model`` is not the one that made the collection.
        FormatError
            If it is damaged or of a newer format version.
        """
        storage = Storage(Path(folder).expanduser(), write)
        if model is not None:
            try:
                check_model(storage, model)
            except BaseException:
                storage.close()
                raise
        return cls(storage, model)

    @classmethod
    def open_or_create(
        cls,
        folder: str | os.PathLike[str],
        model: Model | None = None,
        *,
        keep_descriptors: bool = False,
    ) -> Self:
        """Open a collection for writing; make it if there is none.

        Parameters and errors are those of `open` and `create`.

        Raises
        ------
        ModelMismatchError
            If there is a collection that another model made, or with ``keep_descriptors`` one that
            keeps none.
        """
        if not is_collection(folder):
            return cls.create(folder, model, keep_descriptors=keep_descriptors)
        opened = cls.open(folder, write=True, model=model)
        if keep_descriptors and opened._storage.catalog.state().descriptor_dim is None:
            opened.close()
            raise ModelMismatchError(
                f"The collection {opened.folder} was made without descriptors, and they can't be "
                "added later. Make another, with keep_descriptors=True (index --keep-descriptors)."
            )
        return opened

    def close(self) -> None:
        """Close all files, and let others write."""
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._storage.catalog.found_count()

    @property
    def bits(self) -> int:
        """Length of the codes, in bits."""
        return self._storage.catalog.state().bits

    @property
    def model(self) -> Model:
        """The model that makes the collection's codes.

        Raises
        ------
        FormatError, ModelMismatchError
            If the collection's copy of it is damaged, or is another model.
        """
        if self._model is None:
            self._model = load_own_model(self._storage)
        return self._model

    def index(
        self,
        paths: Paths,
        *,
        exclude: Sequence[str] | None = None,
        force: bool = False,
        on_progress: OnProgress | None = None,
        label_of: LabelOf | None = None,
    ) -> IndexReport:
        """Add the images at and below paths; bring those up to date that changed.

        Images that have the size and modification time of the last time are not read; those whose
        content is known, under whatever name, are not encoded again: files of one content are one
        image. Work is committed at least every few seconds, so after an interruption the same call
        continues where it stopped.

        Parameters
        ----------
        paths : path or sequence of paths
            Files and folders. Remembered, so that `update` looks at them too. In folders, hidden
            files and files without the suffix of an image are passed over and counted.
        exclude : sequence of str, optional
            Patterns of what is left out below ``paths``, in the syntax of ``.gitignore``;
            remembered in place of earlier ones. What a NAS or an operating system keeps for itself
            (`hashlens.images.DEFAULT_PATTERNS`) is left out as well, unless a pattern such as
            ``!@eaDir/`` takes it in.
        force : bool
            Read all files, also those of unchanged size and modification time.
        on_progress : callable, optional
            Called with ("indexing", files done, files in all) after each file.
        label_of : callable, optional
            Returns the label of a path, or None; it is kept beside the image.

        Raises
        ------
        CollectionError
            If the collection is not open for writing, or the disk is full or fails.
        ParameterError
            If a pattern is invalid; nothing was done.
        KeyboardInterrupt
            When interrupted; what was finished is in the collection.

        Notes
        -----
        Images that can't be read are counted and named in the report, and never fatal. They are
        remembered, and tried again when their file or the software that reads it changes; where
        memory, a limit, a permission or a missing decoder was the cause, they are tried each time.
        """
        self._check_writable("index")
        indexer = Indexer(self._storage, self.model, on_progress, label_of, force)
        report = index_paths(indexer, paths, exclude)
        self._tidy()
        return report

    def update(
        self,
        *,
        force: bool = False,
        on_progress: OnProgress | None = None,
        label_of: LabelOf | None = None,
    ) -> IndexReport:
        """Look at all paths that were ever indexed: add and renew images, and miss what is gone.

        Parameters and errors are those of `index`. An image whose files can't be seen, deleted or
        on a share that is not mounted, becomes missing: searches do not find it, its code is kept,
        and it is back without being encoded once a file of it is seen again. Only `prune` and
        `remove` remove images.
        """
        self._check_writable("update")
        report = update_all(Indexer(self._storage, self.model, on_progress, label_of, force))
        self._tidy()
        return report

    def remove(self, paths: Paths) -> RemoveReport:
        """Take the files at and below paths out of the collection; on the disk, they stay.

        An image is removed with the last of its files that the collection knows.

        `update`, and `index` of a folder above, leave these paths out from then on; `index` of the
        very paths brings them back.

        Raises
        ------
        CollectionError
            If the collection is not open for writing, or the disk is full or fails.
        """
        self._check_writable("remove")
        report = remove_paths(self._storage, all_absolute(paths))
        self._tidy()
        return report

    def prune(
        self,
        older_than: float | None = None,
        under: PathLike | None = None,
        *,
        dry_run: bool = False,
    ) -> PruneReport:
        """Remove missing images for good.

        Parameters
        ----------
        older_than : float, optional
            Only those that have been missing for at least so many days.
        under : path, optional
            Only those at or below this path.
        dry_run : bool
            Change nothing, and report what would be removed; works while open for reading, too.

        Raises
        ------
        CollectionError
            If the collection is not open for writing, or the disk is full or fails.
        ParameterError
            If ``older_than`` is negative.
        """
        if older_than is not None and not older_than >= 0:
            raise ParameterError(
                f"The 'older_than' parameter of prune must be a number of days ≥ 0. "
                f"Got {older_than!r} instead."
            )
        if not dry_run:
            self._check_writable("prune")
        report = prune(
            self._storage, older_than, None if under is None else absolute(under), dry_run
        )
        if not dry_run:
            self._tidy()
        return report

    def move(self, old: PathLike, new: PathLike) -> MoveReport:
        """Rewrite a path, and all below it, after files were moved on the disk.

        Nothing is read or encoded: the next `update` finds the files at their new paths.

        Raises
        ------
        CollectionError
            If the collection holds nothing at or below ``old``, or other images at ``new``, or is
            not open for writing; nothing is changed.
        """
        self._check_writable("move")
        return move_paths(self._storage, absolute(old), absolute(new))

    def build_index(self) -> Path:
        """Build the index of all images, save it beside the codes, and return its path.

        Searches scan the codes without it; with it, many searches of a large collection look at
        few of them. Results are the same. From then on `index`, `update` and `remove` renew it when
        they have made it useless; images that were added since are searched all the same.

        Raises
        ------
        CollectionError
            If the collection is not open for writing, or the disk is full or fails; an older index
            stays as it is.
        """
        self._check_writable("build_index")
        self._index.build()
        return self._index.path

    def search(
        self,
        query: ImageSource,
        k: int | None = None,
        *,
        radius: int | None = None,
        precision: float | None = None,
        rerank: bool = False,
        candidates: int | None = None,
        under: Paths | None = None,
        labels: str | Sequence[str] | None = None,
    ) -> list[Hit]:
        """Return the images most similar to one, exactly, ordered by (distance, time of indexing).

        Parameters
        ----------
        query : path, bytes, uint8 array (height, width, 3), or PIL.Image.Image
            Bytes are the content of an image file.
        k : int, optional
            How many at most. Default: 10, or all if ``radius`` or ``precision`` is given. A
            collection that holds fewer images returns all of them.
        radius : int, optional
            Largest Hamming distance, in bits.
        precision : float, optional
            In (0, 1]: instead of a radius, the one at which this share of pairs had the same label
            when the model was calibrated.
        rerank : bool
            Order the nearest by the Euclidean distance of their descriptors (equation 1 of the
            paper); needs a collection that keeps descriptors.
        candidates : int, optional
            How many of the nearest by Hamming distance are re-ranked. Default: 10 × k, at least
            100; all if only a radius is given.
        under : path or sequence of paths, optional
            Only images at or below one of these paths.
        labels : str or sequence of str, optional
            Only images with one of these labels.

        Raises
        ------
        ImageError
            If the query can't be read.
        ParameterError
            If k < 1 or radius < 0, both radius and precision are given, the model is not
            calibrated, or ``rerank`` is asked of a collection without descriptors.
        """
        return self.search_many(
            [query],
            k,
            radius=radius,
            precision=precision,
            rerank=rerank,
            candidates=candidates,
            under=under,
            labels=labels,
        )[0]

    def search_many(
        self,
        queries: Iterable[ImageSource],
        k: int | None = None,
        *,
        radius: int | None = None,
        precision: float | None = None,
        rerank: bool = False,
        candidates: int | None = None,
        under: Paths | None = None,
        labels: str | Sequence[str] | None = None,
        on_error: OnError = "raise",
    ) -> list[list[Hit]]:
        """Search for several images at once; the other keywords and errors are those of `search`.

        Parameters
        ----------
        on_error : {"raise", "skip"} or callable
            What to do with a query that can't be read: raise `ImageError`; warn, and give it no
            hits; or give it no hits and call the function with (index, error).

        Returns
        -------
        list of lists of Hit
            One list per query, in their order.
        """
        within = self._radius(radius, precision)
        options = search_options(self.bits, k, within, rerank, candidates, under, labels)
        check_several(queries)
        several = list(queries)
        if not several:
            return []
        places, codes, vectors = encode_queries(self.model, several, on_error)

        def look_up(snapshot: Snapshot) -> list[list[Hit]]:
            index = self._index.at(snapshot, len(codes))
            return find(self._storage, snapshot, index, options, codes, vectors)

        answers: list[list[Hit]] = [[] for _ in several]
        if places:
            for place, hits in zip(places, self._read(look_up), strict=True):
                answers[place] = hits
        return answers

    def radius_for(self, precision: float) -> int:
        """Return the radius, in bits, that reached a precision when the model was calibrated.

        Parameters
        ----------
        precision : float
            Share of pairs with the same label, in (0, 1].

        Raises
        ------
        ParameterError
            If the model is not calibrated, or no radius of it reaches the precision.
        """
        calibration = self.model.calibration
        if calibration is None:
            raise ParameterError(
                f"A precision needs a calibrated model, and that of the collection {self.folder} "
                "is not. Calibrate it on labeled images, with `hashlens calibrate "
                f"{self.folder} DATA` or, in Python, with `collection.model.calibrate(data)`."
            )
        return calibration.radius_for(precision)

    def duplicates(
        self, radius: int | None = None, *, precision: float | None = None
    ) -> list[DuplicateGroup]:
        """Return the groups of near-duplicates, sorted: exact, over all pairs of images.

        Two images are in one group if their codes differ in at most ``radius`` bits, or if a chain
        of such pairs leads from one to the other. Radius 0 finds copies and equal codes.

        Parameters
        ----------
        radius : int, optional
            In bits.
        precision : float, optional
            Instead of a radius, see `search`.

        Raises
        ------
        ParameterError
            If neither or both are given, the radius is negative, or the model is not calibrated.
        """
        within = self._radius(radius, precision)
        if within is None:
            raise ParameterError(
                "Near-duplicates need a radius in bits, or a precision if the model is calibrated."
            )
        check_radius(within, self.bits, "duplicates")
        return self._read(lambda snapshot: duplicate_groups(self._storage, snapshot, within))

    def knn_graph(self, k: int) -> KnnGraph:
        """Return the ``k`` nearest neighbors of each image among all others, exactly.

        Raises
        ------
        ParameterError
            If k < 1.
        """
        wanted = check_k(k, "knn_graph")
        return self._read(
            lambda snapshot: build_knn_graph(self._storage, snapshot, self._index, wanted)
        )

    def paths(self) -> list[str]:
        """Return the paths of all files of images that can be found, in the order of their bytes.

        An image that has several files has several paths.
        """
        rows = self._storage.catalog.files.all()
        return [row.path for row in rows if row.slot is not None and row.missing_since is None]

    def failures(self) -> list[tuple[str, str]]:
        """Return (path, reason) of the files that lead to no image, in the order of their bytes."""
        return [(row.path, row.reason or "") for row in self._storage.catalog.files.failed()]

    def info(self) -> CollectionInfo:
        """Return what the collection is and holds."""
        return collection_info(self._storage)

    def verify(self) -> list[str]:
        """Read all that was committed, and return what is wrong, a sentence each.

        Returns
        -------
        list of str
            Empty if the catalog, the codes, the descriptors and the saved index are whole.
        """
        return damage_of(self._storage) + self._index.damage()

    def _read(self, work: Callable[[Snapshot], Answer]) -> Answer:
        """Do some work on one instant of the collection."""
        for _ in range(_ATTEMPTS):
            try:
                with self._storage.snapshot() as snapshot:
                    return work(snapshot)
            except CollectionChangedError:  # Only without write permission, where no log is shared.
                continue
        with self._storage.snapshot() as snapshot:
            return work(snapshot)

    def _radius(self, radius: int | None, precision: float | None) -> int | None:
        if precision is None:
            return radius
        if radius is not None:
            raise ParameterError("Choose one of radius and precision.")
        return self.radius_for(precision)

    def _tidy(self) -> None:
        """Do what a change may have made worthwhile."""
        self._storage.compact_if_worthwhile()
        self._index.refresh()

    def _check_writable(self, operation: str) -> None:
        if not self._storage.is_writable:
            raise CollectionError(
                f"{operation} changes the collection {self.folder}, which is open for reading. "
                "Open it with Collection.open(folder, write=True)."
            )


def is_collection(folder: str | os.PathLike[str]) -> bool:
    """Return whether there is a collection in a directory (whole or damaged)."""
    return is_catalog(Path(folder))
