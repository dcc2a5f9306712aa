"""hashlens: find images that mean the same, by short learned binary codes."""

from importlib.metadata import version

__version__ = version("hashlens")
