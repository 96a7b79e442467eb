"""`samlet reset`: deletes the local data; downloads and installed packages stay."""

import argparse

from samlet.cli.selection import Commands, add_options, selected
from samlet.cli.usage import add_command


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "reset",
        "delete database, topics, mails and secrets",
        about="Refused while Samlet runs. Downloads and installed packages stay.",
        examples="""
            samlet reset
            samlet reset --template ../shop/template.yaml
        """,
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Empty the state folder and what the services keep elsewhere, unless somebody runs on it."""
    from samlet import services  # not at the top: see up.py

    _, _, state = selected(arguments)
    if not state.folder.exists():
        print(f"{state.folder} does not exist: nothing to delete.")
        return 0
    with state.lock():
        services.reset(state.folder)  # first: the state folder says where the rest lies
        state.reset()
    print(f"Emptied {state.folder}; downloads and installed packages stay.")
    return 0
