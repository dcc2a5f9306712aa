"""hashlens: find images that mean the same, by short learned binary codes."""

from __future__ import annotations


def __getattr__(name: str) -> str:
    # Looking the version up reads the package's metadata, which every command would wait for.
    if name == "__version__":
        from importlib.metadata import version

        return version("hashlens")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
