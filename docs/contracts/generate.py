"""Writes the wire contracts anew from the code: `make contracts`."""

from pathlib import Path

import events_contract
import rest_contract

HERE = Path(__file__).parent


def main() -> None:
    """All files of both contracts."""
    of_events = {HERE / "events" / name: text for name, text in events_contract.documents().items()}
    for path, text in (of_events | rest_contract.documents()).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
