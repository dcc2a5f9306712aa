"""The command line: parse, call the library, render. Only this room prints or exits."""

from hashlens.cli.entry import main

__all__ = ["main"]
