"""The exceptions that hashlens raises.

A message says what went wrong and where, what was expected, what was found, and how to fix it.
Only the command line prints messages and exits the process.
"""


class HashlensError(Exception):
    """Base class of all hashlens errors."""


class ParameterError(HashlensError, ValueError):
    """A parameter is invalid; nothing was done."""


class DataError(HashlensError, ValueError):
    """Input data (arrays, labels, data sets) is not what the operation needs."""


class NotFittedError(HashlensError, ValueError):
    """A hasher was used before ``fit``."""


class ImageError(HashlensError):
    """One image can't be read. Batch operations name it, skip it and count it."""


class ImageUnavailableError(ImageError):
    """An image can't be read here and now, though its file may be sound.

    Memory, time, a limit, a permission or a missing decoder is the reason, not the content: another
    try, another machine or another version may succeed.
    """


class FormatError(HashlensError):
    """A file on disk is damaged, foreign, or of a newer format version."""


class ModelMismatchError(HashlensError):
    """Codes of one model were used with a collection or an index of another."""


class CollectionError(HashlensError):
    """A collection can't be opened, created or written."""


class CollectionChangedError(CollectionError):
    """A collection changed while it was read without the means to see one instant of it."""


class CollectionLockedError(CollectionError):
    """Another process is writing to the collection."""


class MissingExtraError(HashlensError, ImportError):
    """An optional dependency is missing; the message holds the install command."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'hashlens[{extra}]'"
        )
