"""The command line: parse, call the library, render. Only this room prints or exits."""
