"""The command line: parse, call the library, render. Only this room prints or exits."""

from hashlens.cli.app import main

__all__ = ["main"]
