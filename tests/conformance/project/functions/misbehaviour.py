"""Fails in the way that the event asks for."""

import os
import sys
import time
from pathlib import Path
from typing import Any

SEEN: list[Any] = []


def handler(event: Any, context: Any) -> Any:
    how = (event.get("pathParameters") or event).get("how")
    print(f"asked for {how}")
    SEEN.append(how)
    if how == "raise":
        raise ValueError("as was wished")
    if how == "exit":
        sys.exit(42)
    if how == "kill":
        os.kill(os.getpid(), 9)
    if how == "sleep":
        time.sleep(float(event.get("seconds", 30)))
    if how == "large":
        return "x" * (6 * 1024 * 1024 + 200)
    if how == "unserializable":
        return {1, 2}
    if how == "write":
        Path("/tmp/conformance").write_text(event["text"])
    if how == "read":
        file = Path("/tmp/conformance")
        return file.read_text() if file.exists() else None
    return {"seen": len(SEEN), "pid": os.getpid()}
