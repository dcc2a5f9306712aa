"""The versions of what reads images: another version may read what this one could not."""

from __future__ import annotations

from functools import cache

_PACKAGES = ("hashlens", "pillow", "tifffile", "pillow-heif", "imagecodecs", "rawpy")


@cache
def reader_versions() -> str:
    """Return names and versions of the installed packages that read images.

    Examples
    --------
    >>> "pillow" in reader_versions()
    True
    """
    return " ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # Searches do not need it.

    try:
        return version(name)
    except PackageNotFoundError:
        return None
