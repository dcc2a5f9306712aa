"""What lies in a labeled data set's folders but is not part of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from hashlens.images.passed_over import PassedOver

_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class SourceFindings:
    """What was left out when a data set was opened.

    Attributes
    ----------
    passed_over : PassedOver
        Files and folders that are not images, or are excluded, by reason and suffix.
    beside : tuple of str
        Images that lie beside the class folders, so that they have no label.
    empty_folders : tuple of str
        Folders without images, where class folders are expected.
    no_parts : tuple of str
        Folders or files beside the parts that stand for none of them.
    unreadable : tuple of (str, str)
        Files and folders that can't be read, and why.
    """

    passed_over: PassedOver = field(default_factory=PassedOver)
    beside: tuple[str, ...] = ()
    empty_folders: tuple[str, ...] = ()
    no_parts: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_all(cls, found: Iterable[SourceFindings]) -> SourceFindings:
        """Return the findings of several folders together."""
        several = list(found)
        passed = PassedOver()
        for one in several:
            for reason, by_suffix in one.passed_over.counts.items():
                total = passed.counts.setdefault(reason, {})
                for suffix, count in by_suffix.items():
                    total[suffix] = total.get(suffix, 0) + count
        names = (f.name for f in fields(cls) if f.name != "passed_over")
        return cls(
            passed, *(tuple(x for one in several for x in getattr(one, name)) for name in names)
        )

    @property
    def complete(self) -> bool:
        """Whether nothing was left out but what is excluded on purpose."""
        return not (self.passed_over.unwanted or self.beside or self.no_parts or self.unreadable)

    def lines(self) -> list[str]:
        """Return the findings for people, one line each; unreadable files are told elsewhere."""
        told = (
            ("images beside the class folders, left out", self.beside),
            ("folders without images, not counted as classes", self.empty_folders),
            ("left out, because it is neither train, validation nor test", self.no_parts),
        )
        return [
            *self.passed_over.lines(),
            *(f"{what}: {len(names):,}: {listed(names)}" for what, names in told if names),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the findings for JSON."""
        return {
            "passed_over": self.passed_over.counts,
            "beside_class_folders": list(self.beside),
            "folders_without_images": list(self.empty_folders),
            "no_parts": list(self.no_parts),
        }


def listed(entries: Iterable[str]) -> str:
    """Return the first few entries and the number of the others."""
    named = list(entries)
    more = f" and {len(named) - _NAMED_AT_MOST:,} more" if len(named) > _NAMED_AT_MOST else ""
    return ", ".join(named[:_NAMED_AT_MOST]) + more
