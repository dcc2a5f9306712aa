"""hashlens: find images similar in content to yours by short learned binary codes.

>>> import hashlens
>>> photos = hashlens.Collection.create("photos.hashlens")  # doctest: +SKIP
>>> report = photos.index(["~/Pictures"])  # doctest: +SKIP
>>> hits = photos.search("query.jpg", k=5)  # doctest: +SKIP
"""

from __future__ import annotations

TYPE_CHECKING = False  # Importing it from typing would take most of the time of this import.
if TYPE_CHECKING:
    from hashlens.collection import Collection, Hit
    from hashlens.datasets import load_dataset
    from hashlens.hashers import create_hasher
    from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
    from hashlens.model import Model, load_model
    from hashlens.training.train import train

    __version__: str

# Names are imported when they are first used, so that `import hashlens` is instant (PEP 562).
_ROOMS = {
    "AutoIndex": "hashlens.indexes",
    "Collection": "hashlens.collection",
    "Hit": "hashlens.collection",
    "LinearIndex": "hashlens.indexes",
    "Model": "hashlens.model",
    "MultiIndex": "hashlens.indexes",
    "create_hasher": "hashlens.hashers",
    "load_dataset": "hashlens.datasets",
    "load_model": "hashlens.model",
    "train": "hashlens.training.train",
}

__all__ = [
    "AutoIndex",
    "Collection",
    "Hit",
    "LinearIndex",
    "Model",
    "MultiIndex",
    "__version__",
    "create_hasher",
    "load_dataset",
    "load_model",
    "train",
]


def __getattr__(name: str) -> object:
    value: object
    if name in _ROOMS:
        from importlib import import_module

        value = getattr(import_module(_ROOMS[name]), name)
    elif name == "__version__":
        # Looking the version up reads the package's metadata, which every command would wait for.
        from importlib.metadata import version

        value = version("hashlens")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
