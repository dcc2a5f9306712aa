"""Collections: folders of images that can be searched by what they show."""

from hashlens.collection.collection import Collection, is_collection
from hashlens.collection.knn_graph import KnnGraph
from hashlens.collection.own_model import MODEL_FOLDER
from hashlens.collection.results import (
    CollectionInfo,
    DuplicateGroup,
    Hit,
    IndexReport,
    MissingImages,
    MoveReport,
    PruneReport,
    RemoveReport,
)

__all__ = [
    "MODEL_FOLDER",
    "Collection",
    "CollectionInfo",
    "DuplicateGroup",
    "Hit",
    "IndexReport",
    "KnnGraph",
    "MissingImages",
    "MoveReport",
    "PruneReport",
    "RemoveReport",
    "is_collection",
]
