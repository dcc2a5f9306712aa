"""The commands by name. Each is one module, imported only when it runs."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "index": "Add images to a collection.",
    "update": "Add new images and notice missing ones.",
    "remove": "Take images out of the collection.",
    "prune": "Remove missing images for good.",
    "move": "Follow files that were moved on the disk.",
    "info": "Show what the collection holds and whether it is intact.",
    "search": "Find the images most similar to yours.",
    "duplicates": "Show groups of near-duplicate images.",
    "train": "Train a code on labeled images.",
    "evaluate": "Measure a model on labeled images.",
    "calibrate": "Find the radius that reaches a wanted precision.",
    "export": "Write a model or codes for other tools.",
    "benchmark": "Compare hashing methods.",
}
"""The name of each command, which is also that of its module and function, and its help in a line.
The line is the first of the function's docstring, so that `--help` need not import it."""


class LazyGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"hashlens.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; an unknown one is told the nearest."""
        if args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its line."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(package_name="hashlens", message="hashlens %(version)s")
def app() -> None:
    """Find images similar in content to yours, by short binary codes: offline, exact and fast."""
