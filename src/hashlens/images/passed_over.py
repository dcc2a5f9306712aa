"""What a walk through folders leaves out, counted by reason and suffix."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hashlens.images.formats import suffixes_of_extra

NO_DECODER = "no decoder"
"""An image of a format that an extra would read."""
NO_IMAGE = "no image suffix"
"""A file whose suffix is that of no image."""
EXCLUDED = "excluded"
"""A file or folder that a pattern leaves out."""
HIDDEN = "hidden"
"""A file or folder whose name begins with a dot."""

FOLDER = "folder"
NO_SUFFIX = "no suffix"
_NAMED = 5
_LONGEST = 16


@dataclass(slots=True)
class PassedOver:
    """Files, and folders with all that is in them, that were left out of a walk.

    Attributes
    ----------
    counts : dict of str to dict of str to int
        How many, by reason and suffix in lower case. Folders count under "folder", names without a
        suffix under "no suffix".

    Examples
    --------
    >>> passed = PassedOver()
    >>> for name in ("a.HEIC", "b.heic", "notes.txt"):
    ...     passed.add(NO_DECODER if name.lower().endswith("heic") else NO_IMAGE, name)
    >>> passed.counts
    {'no decoder': {'.heic': 2}, 'no image suffix': {'.txt': 1}}
    >>> passed.unwanted
    3
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, reason: str, name: str, is_folder: bool = False) -> None:
        """Count a file or folder by its name."""
        suffix = FOLDER if is_folder else os.path.splitext(name)[1].lower()[:_LONGEST]
        by_suffix = self.counts.setdefault(reason, {})
        by_suffix[suffix or NO_SUFFIX] = by_suffix.get(suffix or NO_SUFFIX, 0) + 1

    @property
    def unwanted(self) -> int:
        """How many were not left out on purpose: no pattern and no dot names them."""
        return sum(sum(self.counts.get(reason, {}).values()) for reason in (NO_DECODER, NO_IMAGE))

    def lines(self) -> list[str]:
        """Return a line for people on each kind that was not left out on purpose."""
        commands = suffixes_of_extra()
        said = [
            f"{count:,} {suffix} files passed over: {commands[suffix]}"
            for suffix, count in _most_first(self.counts.get(NO_DECODER, {}))
        ]
        others = _most_first(self.counts.get(NO_IMAGE, {}))
        if others:
            total = sum(count for _, count in others)
            named = ", ".join(f"{count:,} {suffix}" for suffix, count in others[:_NAMED])
            more = ", ..." if len(others) > _NAMED else ""
            said.append(f"{total:,} files passed over that have no image suffix: {named}{more}")
        return said


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
