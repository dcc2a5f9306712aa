"""The report of a training: all its figures in JSON, and a page of plots and pictures."""

from hashlens.report.document import report_document
from hashlens.report.files import write_report
from hashlens.report.page import render

__all__ = ["render", "report_document", "write_report"]
