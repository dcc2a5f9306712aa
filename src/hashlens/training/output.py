"""The model directory that a training writes, and the work folder beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from hashlens.datasets.described import DescribedDataset
from hashlens.errors import HashlensError, ParameterError
from hashlens.model.card import REPORT_DATA, REPORT_PAGE
from hashlens.model.folder import check_model_folder, part_of, read_manifest
from hashlens.model.model import Model
from hashlens.model.protocol_search import Search
from hashlens.progress import OnMessage


@dataclass(frozen=True, slots=True)
class Output:
    """Where a training leaves its model.

    Attributes
    ----------
    folder : Path
        The model directory.
    report : bool
        Whether to write the report into it.
    command : str, optional
        The command that the report names.

    Raises
    ------
    ParameterError
        If no model directory can be made there.
    """

    folder: Path
    report: bool = False
    command: str | None = None

    def __post_init__(self) -> None:
        check_model_folder(self.folder)

    @property
    def work_folder(self) -> Path:
        """Where a fine-tuning keeps its checkpoint: a hidden folder beside the model directory."""
        folder = self.folder.resolve()
        return folder.with_name(f".{folder.name}.training")

    def save(self, model: Model) -> None:
        """Save a trained model before anything else can fail, and let it use the saved network.

        A report of an earlier training goes. The card is written last: see `save_card`.

        Raises
        ------
        HashlensError
            If it can't be written.
        """
        model.save(self.folder, card=False)
        for name in (REPORT_PAGE, REPORT_DATA):
            (self.folder / name).unlink(missing_ok=True)
        network = read_manifest(self.folder).get("network")
        if network is not None:
            model.network = part_of(self.folder, network)

    def save_figures(
        self, model: Model, data: DescribedDataset, search: Search, on_message: OnMessage
    ) -> None:
        """Add what a saved model measured; a report that can't be written costs the report alone.

        Raises
        ------
        HashlensError
            If the figures can't be written.
        """
        model.save(self.folder, card=False)
        if not self.report:
            return
        from hashlens.report import write_report

        on_message("writing the report")
        try:
            write_report(model, data, search, self.folder, self.command)
        except (HashlensError, OSError) as error:
            on_message(f"the model is saved, but its report could not be written: {error}")

    def save_card(self, model: Model) -> None:
        """Write the card of a saved model, which tells its figures and links to its report."""
        model.save_card(self.folder)

    def discard_work(self) -> None:
        """Remove the checkpoint of a model that is saved and measured."""
        shutil.rmtree(self.work_folder, ignore_errors=True)


def choose_output(
    out: str | Path | None, report: bool = False, command: str | None = None
) -> Output | None:
    """Return where a training leaves its model; None if it only returns it.

    Raises
    ------
    ParameterError
        If no model directory can be made there, or there is none for the report.
    """
    if out is not None:
        return Output(Path(out).expanduser(), report, command)
    if report:
        raise ParameterError(
            "'report' needs 'out': the report is written into the model directory."
        )
    return None
