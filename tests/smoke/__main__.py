"""`python -m smoke URL [--console URL] [--email ADDRESS]`: 0 when everything works, 1 when not, 2 for wrong usage."""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from smoke.client import Client
from smoke.steps import Person, SmokeFailed, is_healthy, one_mail, run_digest

_MAIL_PATIENCE = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all steps, a line each."""
    options = _parser().parse_args(arguments)
    try:
        api = Client(options.url)
        console = Client(options.console) if options.console else None
    except ValueError as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 2
    person = Person(api, options.email or f"smoke-{secrets.token_hex(6)}@example.org")
    try:
        try:
            _day(api, console, person)
        finally:
            if person.registered:
                _step("leave", person.leave)
    except (SmokeFailed, OSError) as error:
        print(f"smoke: FAILED: {error}", file=sys.stderr)
        return 1
    print(f"smoke: {options.url} works")
    return 0


def _day(api: Client, console: Client | None, person: Person) -> None:
    _step("health", lambda: is_healthy(api))
    _step("stranger", person.stranger_is_refused)
    _step("register", person.register)
    _step("tasks", person.keep_a_list)
    slot = person.plan_digest(datetime.now(UTC))
    if console is None:
        print(f"  digest     planned for {slot:%H:%M} UTC; without --console nobody here can fire it or read the mail")
        return
    _step("digest", lambda: run_digest(console, slot))
    _step("mail", lambda: one_mail(console, person.email, _MAIL_PATIENCE))


def _step(name: str, act: Callable[[], str]) -> None:
    since = time.monotonic()
    result = act()
    print(f"  {name:<10} {result} ({time.monotonic() - since:.1f} s)", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smoke", description="Use a running Taskflow for one short day.")
    parser.add_argument("url", help="the API, such as http://127.0.0.1:3000")
    parser.add_argument("--console", metavar="URL", help="Samlet's console, which fires the digest and shows the mail")
    parser.add_argument("--email", metavar="ADDRESS", help="whom to register (default: an address that cannot exist)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
