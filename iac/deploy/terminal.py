"""Talks with whoever deploys."""

import sys
from dataclasses import dataclass

from deploy.faults import Declined, Stopped


@dataclass(frozen=True)
class Terminal:
    """Says what happens, and asks; `yes` answers every question but the ones that can't be taken back."""

    yes: bool = False

    def say(self, line: str) -> None:
        """One line, at once."""
        print(line, flush=True)

    def confirm(self, question: str, *, ask_anyway: bool = False) -> None:
        """Go on, or Declined."""
        if self.yes and not ask_anyway:
            return
        otherwise = "YES=1 does not answer this one" if self.yes else "YES=1 says yes"
        if self._answer(f"{question} [y/N] ", otherwise).lower() not in ("y", "yes"):
            raise Declined("You said no: nothing of this was changed. Run the same command again when it suits.")

    def type_out(self, question: str, word: str) -> None:
        """Go on when that very word is typed, or Declined."""
        if self._answer(f"{question} Type {word} to go on: ", "there is no way around typing it") != word:
            raise Declined(f"That was not {word}: nothing was changed.")

    def _answer(self, question: str, otherwise: str) -> str:
        if not sys.stdin.isatty():
            raise Stopped(f"{question}— nobody is there to answer. Run it in a terminal; {otherwise}.")
        try:
            return input(question).strip()
        except EOFError:
            self.say("")
            return ""
        except KeyboardInterrupt:
            self.say("")
            raise
