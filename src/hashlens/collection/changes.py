"""Changes of a collection: which files they are about, in what order, and what they report."""

from __future__ import annotations

from hashlens.collection.indexing import Indexer
from hashlens.collection.results import IndexReport
from hashlens.collection.scope import (
    Paths,
    add_roots,
    all_absolute,
    forget_gone,
    images_below,
    plan_update,
)


def index_paths(indexer: Indexer, paths: Paths) -> IndexReport:
    """Add and renew the images at and below paths, which are remembered as roots."""
    report, catalog = indexer.report, indexer.storage.catalog
    wanted = all_absolute(paths)
    add_roots(catalog, wanted)
    indexer.run(images_below(catalog, wanted, report.failed))
    return report


def update_all(indexer: Indexer) -> IndexReport:
    """Add, renew and drop images by what has become of the roots and of known files."""
    report = indexer.report
    plan = plan_update(indexer.storage.catalog, report.failed)
    # Dropping comes last: a file that was renamed finds its code under the old name.
    indexer.run(plan.files)
    report.removed = forget_gone(indexer.storage, plan.gone)
    return report
