"""Starting a benchmark: one call that measures every cell, in one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashlens.benchmark.features import Features
from hashlens.benchmark.method_presets import MethodPreset, choose_presets
from hashlens.benchmark.runner import Results, Runner
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.workers import run_workers
from hashlens.errors import ParameterError
from hashlens.progress import OnProgress, no_progress


def run_benchmark(
    features: Features,
    settings: Settings,
    out: Path,
    *,
    presets: Sequence[MethodPreset] | None = None,
    jobs: int = 1,
    on_progress: OnProgress = no_progress,
) -> Results:
    """Measure every cell and keep each in a file below ``out``, so that a killed run resumes.

    Parameters
    ----------
    features : Features
    settings : Settings
    out : Path
        Folder of results. Cells that it holds of the same descriptors and parameters are not
        measured again. Several runs may share it.
    presets : sequence of MethodPreset, optional
        Presets to run instead of those that ``settings.methods`` names, as for an ablation.
    jobs : int
        Processes that share the work, and the cores. A script that asks for more than one must
        protect its entry point by ``if __name__ == "__main__"``.
    on_progress : callable, optional
        Called before each step with its name, the number of measured cells and that of all cells.

    Returns
    -------
    Results
        A method that fails leaves an entry in ``failures``, and the others go on.

    Raises
    ------
    ParameterError
        If ``jobs`` is less than 1.
    DataError
        If ``out`` holds results of other descriptors.
    """
    if jobs < 1:
        raise ParameterError(f"The 'jobs' parameter must be at least 1. Got {jobs!r} instead.")
    chosen = choose_presets(settings.methods) if presets is None else tuple(presets)
    # Opened before any worker starts: a folder of other results is refused here.
    runner = Runner(features, settings, out, chosen, on_progress)
    if jobs > 1:
        run_workers(features, settings, out, chosen, jobs, on_progress)
    return runner.run()
