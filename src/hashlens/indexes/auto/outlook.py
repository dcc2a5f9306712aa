"""Whether it is time to build a multi-index, from what scans find."""

from __future__ import annotations

from hashlens.arrays import Codes
from hashlens.indexes.auto.forecast import forecast_shells, reaches
from hashlens.indexes.auto.request import Request
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.search_result import SearchResult
from hashlens.native import thread_count

_SAMPLE = slice(0, 16)
"""The queries of a search that a forecast is made for."""


class Outlook:
    """Makes a forecast after the 1st, 2nd, 4th, 8th, ... scan, and keeps its reason.

    A later query may have nearer neighbors, but a forecast takes as long as many scans. It is
    repeated early if the number of codes has doubled.
    """

    def __init__(self) -> None:
        self.reason = "No query has been asked yet, so nothing is known of distances."
        """Why no multi-index has been built."""
        self._scans = 0
        self._scans_at_last = 0
        self._codes_at_last = 0

    def is_promising(
        self, index: LinearIndex, queries: Codes, request: Request, found: SearchResult
    ) -> bool:
        """Note a scan and what it found; return whether a multi-index would pay for such queries.

        False if no forecast is due.
        """
        self._scans += 1
        if len(index) < 2 * self._codes_at_last and self._scans < 2 * self._scans_at_last:
            return False
        forecast = forecast_shells(
            index.codes,
            queries[_SAMPLE],
            reaches(found, request.k, request.radius)[_SAMPLE],
            batch=len(queries),
            compared=index.compared(request.allow),
            threads=thread_count(),
        )
        self.reason = forecast.reason
        self._codes_at_last, self._scans_at_last = len(index), self._scans
        return forecast.worthwhile
