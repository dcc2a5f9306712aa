"""What people look at: the report of a training, as figures and as a page, and contact sheets."""

from hashlens.report.document import report_document
from hashlens.report.page import render
from hashlens.report.sheet import save_sheet
from hashlens.report.write import write_report

__all__ = ["render", "report_document", "save_sheet", "write_report"]
