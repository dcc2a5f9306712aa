"""Changes of a collection: which files they are about, in what order, and what they report."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hashlens.collection.indexing import Indexer
from hashlens.collection.missing import absent_roots, examine_unseen, mark_unseen, note_dead_ends
from hashlens.collection.results import IndexReport
from hashlens.collection.scope import Paths, Scope, Walked, add_roots, all_absolute


def index_paths(
    indexer: Indexer, paths: Paths, exclude: Sequence[str] | None = None
) -> IndexReport:
    """Add and renew the images at and below paths, which are remembered as roots."""
    catalog = indexer.storage.catalog
    wanted = all_absolute(paths)
    add_roots(catalog, wanted, exclude)
    walked = Scope(catalog).walk(wanted)
    _take(indexer, walked)
    indexer.run(walked.files)
    return _finished(indexer)


def update_all(indexer: Indexer) -> IndexReport:
    """Add and renew images by what the roots hold now, and let those be missing that they lack."""
    storage, catalog = indexer.storage, indexer.storage.catalog
    scope = Scope(catalog)
    walked = scope.walk([root for root in scope.roots if os.path.exists(root)])
    _take(indexer, walked)
    seen = {*walked.files, *(path for path, _ in walked.dead_ends)}
    unseen = examine_unseen(catalog, scope, seen)
    indexer.report.unreadable += mark_unseen(storage, unseen)
    indexer.report.unreadable += absent_roots(catalog, scope.roots)
    indexer.run([*walked.files, *unseen.present])
    return _finished(indexer)


def _take(indexer: Indexer, walked: Walked) -> None:
    """Report what a walk could not read and has passed over."""
    indexer.report.passed_over = walked.passed_over
    indexer.report.unreadable += walked.unreadable
    indexer.report.unreadable += note_dead_ends(indexer.storage, walked.dead_ends)


def _finished(indexer: Indexer) -> IndexReport:
    indexer.report.missing = len(indexer.storage.catalog.files.hidden())
    return indexer.report
