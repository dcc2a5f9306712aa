"""What the check of a labeled data set found, and which of its images can't be used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hashlens.datasets.source_findings import SourceFindings, listed
from hashlens.errors import DataError

RARE = 10
"""A class with fewer training images than this is named as rare."""
MAX_UNUSABLE = 0.1
"""Default share of images that may be unusable before a training is refused."""
_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Conflict:
    """One image, bit for bit, that has contradicting labels in different places.

    Attributes
    ----------
    images : tuple of str
        Names of its copies.
    labels : tuple of str
        The label of each.
    """

    images: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in a labeled data set.

    Attributes
    ----------
    source : str
    classes : dict of str to (int, int)
        Images per class in the training and the test part, before any is left out.
    images : (int, int)
        Images in the training and the test part, before any is left out.
    validation : int
        Images in the validation part, before any is left out.
    several : int
        Images with more than one label.
    unreadable : tuple of (name, reason)
        Images that can't be read; they are left out.
    conflicts : tuple of Conflict
    copies : tuple of (name, name)
        Images with the content and labels of another one in the same part, and that one.
    crossing : tuple of (name, name)
        Images with the content and labels of one in an earlier part, and that one. The order is
        train, validation, test.
    untrained : dict of str to int
        Classes that the training part lacks, and how many images of the other parts have no other
        label. These are left out: nothing that is searched could be a right answer.
    as_it_is : bool
        Whether the data set is a published one, whose conflicts and copies are kept. In others,
        conflicts are left out and every content is used once, in the training part if possible.
    source_findings : SourceFindings
        What was left out when the data set was opened.
    """

    source: str
    classes: dict[str, tuple[int, int]]
    images: tuple[int, int]
    several: int
    unreadable: tuple[tuple[str, str], ...]
    conflicts: tuple[Conflict, ...]
    copies: tuple[tuple[str, str], ...]
    crossing: tuple[tuple[str, str], ...]
    as_it_is: bool
    validation: int = 0
    untrained: dict[str, int] = field(default_factory=dict)
    source_findings: SourceFindings = field(default_factory=SourceFindings)

    @property
    def rare(self) -> dict[str, int]:
        """Classes with fewer than `RARE` training images but some, the rarest first."""
        counts = {name: train for name, (train, _) in self.classes.items() if 0 < train < RARE}
        return dict(sorted(counts.items(), key=lambda item: item[1]))

    @property
    def untested(self) -> list[str]:
        """Classes that only the training part has."""
        return [name for name, (train, test) in self.classes.items() if train and not test]

    @property
    def unused(self) -> list[str]:
        """Classes without images."""
        used = (name for name, counts in self.classes.items() if any(counts))
        return sorted(set(self.classes) - set(used) - set(self.untrained))

    @property
    def spread(self) -> tuple[int, float, int]:
        """Minimum, median and maximum number of images per class, both parts together."""
        counts = [sum(both) for both in self.classes.values() if any(both)] or [0]
        return min(counts), float(np.median(counts)), max(counts)

    def with_unreadable(self, failed: list[tuple[str, str]]) -> DataCheck:
        """Return the check with images added that turned out to be unreadable later."""
        return replace(self, unreadable=(*self.unreadable, *failed))

    def check_limit(self, share: float = MAX_UNUSABLE) -> None:
        """Refuse data if too many of its images can't be used.

        Parameters
        ----------
        share : float
            Share of all images, in [0, 1], that may be unreadable or have contradicting labels.

        Raises
        ------
        DataError
        """
        torn = 0 if self.as_it_is else sum(len(conflict.images) for conflict in self.conflicts)
        unusable, total = len(self.unreadable) + torn, sum(self.images) + self.validation
        if unusable > share * total:
            examples = [f"{name} ({reason})" for name, reason in self.unreadable[:2]]
            examples += [_told(conflict) for conflict in self.conflicts[:2] if torn]
            raise DataError(
                f"{unusable:,} of {total:,} images of {self.source} can't be used: "
                f"{len(self.unreadable):,} can't be read and {torn:,} have contradicting labels. "
                f"The limit is a share of {share:g}. For example: {'; '.join(examples)}. Fix or "
                "remove them, or raise the limit: max_unusable, --max-unusable on the command line."
            )

    def check_complete(self) -> None:
        """Refuse data of which anything was left out that is not excluded on purpose.

        Raises
        ------
        DataError
        """
        if not (self.unreadable or self.untrained) and self.source_findings.complete:
            return
        lost = [*self.source_findings.lines(), *self.losses()]
        raise DataError(
            f"Images of {self.source} would be left out, and 'strict' refuses that: "
            f"{'; '.join(dict.fromkeys(lost))}."
        )

    def lines(self) -> list[str]:
        """Return the findings for people, one line each."""
        least, median, most = self.spread
        per_class = f"{least:,} per class"
        if least < most:
            per_class = f"{least:,} to {most:,} per class, median {median:,g}"
        chosen_by = f"{self.validation:,} to choose by, " if self.validation else ""
        lines = [
            f"{sum(self.images) + self.validation:,} images of {len(self.classes):,} classes in "
            f"{self.source}: {self.images[0]:,} to train on, {chosen_by}{self.images[1]:,} to test "
            f"with; {per_class}"
        ]
        if self.several:
            lines.append(f"images with several labels: {self.several:,}")
        if self.rare:
            named = listed(f"{name} ({count})" for name, count in self.rare.items())
            lines.append(f"classes with fewer than {RARE} training images: {named}")
        for what, classes in (("test images", self.untested), ("images", self.unused)):
            if classes:
                lines.append(f"classes without {what}: {len(classes):,}: {listed(classes)}")
        return [*lines, *self.losses()]

    def losses(self) -> list[str]:
        """Return what is left out, and what else is doubtful, for people, one line each."""
        kept = "kept, because the data set is a published one"
        lines = self.source_findings.lines()
        if self.untrained:
            named = listed(f"{name} ({count:,})" for name, count in self.untrained.items())
            lines.append(f"classes without training images, left out: {named}")
        lines += [f"skipped {name}: {reason}" for name, reason in self.unreadable[:_NAMED_AT_MOST]]
        if len(self.unreadable) > _NAMED_AT_MOST:
            lines.append(f"skipped {len(self.unreadable) - _NAMED_AT_MOST:,} more")
        for what, fate, entries in (
            ("contradicting labels", "left out", [_told(c) for c in self.conflicts]),
            ("copies", "left out", [" = ".join(pair) for pair in self.copies]),
            (
                "images that are also in an earlier part",
                "left out of the later one",
                [" = ".join(pair) for pair in self.crossing],
            ),
        ):
            if entries:
                fate = kept if self.as_it_is else fate
                lines.append(f"{what}: {len(entries):,} ({fate}): {listed(entries)}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Return the findings for JSON."""
        least, median, most = self.spread
        return {
            "source": self.source,
            "images": {
                "train": self.images[0],
                **({"validation": self.validation} if self.validation else {}),
                "test": self.images[1],
            },
            "images_with_several_labels": self.several,
            "images_per_class": {"min": least, "median": median, "max": most},
            "classes": {
                name: {"train": train, "test": test} for name, (train, test) in self.classes.items()
            },
            "rare": self.rare,
            "without_training_images": self.untrained,
            "without_test_images": self.untested,
            "without_images": self.unused,
            **self.source_findings.as_dict(),
            "unreadable": [{"image": name, "reason": why} for name, why in self.unreadable],
            "conflicts": [
                [{"image": i, "label": j} for i, j in zip(c.images, c.labels, strict=True)]
                for c in self.conflicts
            ],
            "copies": [list(pair) for pair in self.copies],
            "crossing": [list(pair) for pair in self.crossing],
            "taken_as_it_is": self.as_it_is,
        }


def _told(conflict: Conflict) -> str:
    return " = ".join(
        f"{name} ({label})" for name, label in zip(conflict.images, conflict.labels, strict=True)
    )
