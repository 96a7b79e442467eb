"""`samlet mails`: what the mail sink has received."""

import argparse
import json

from samlet.cli.remote import console_of
from samlet.cli.selection import Commands, add_options
from samlet.cli.usage import add_command


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "mails",
        "show the mails that were sent",
        about="Newest first, as the mail sink has received them.",
        examples="""
            samlet mails
            samlet mails --json | jq -r '.[0].text'
        """,
    )
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print one array, decoded, for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the mails, newest first."""
    mails = console_of(arguments).get("/api/mails")
    if arguments.json:
        print(json.dumps(mails, indent=2, ensure_ascii=False))
        return 0
    for mail in mails:
        print(f"{mail['received_at']}  {mail['from']} -> {_addresses(mail['to'])}\n  {mail['subject']}\n")
        print("\n".join(f"  {line}" for line in (mail["text"] or "").splitlines()) + "\n")
    if not mails:
        print("No mails yet.")
    return 0


def _addresses(to: str | list[str]) -> str:
    return to if isinstance(to, str) else ", ".join(to)
