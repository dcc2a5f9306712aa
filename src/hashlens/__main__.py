"""`python -m hashlens`: the command line."""

from hashlens.cli import main

if __name__ == "__main__":
    main()
