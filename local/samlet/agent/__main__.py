"""`python -m samlet.agent FUNCTION --runtime HOST:PORT`; ends with 0 when it was told to, 1 when --invoke failed."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from samlet.agent.agent import Agent, Place
from samlet.errors import SamletError
from samlet.log import say
from samlet.secret_files import read_one

_IMAGE_CODE = Path("/var/task")
_IMAGE_BOOTSTRAP = Path("/var/runtime/bootstrap")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one function until SIGTERM, or invoke it once."""
    options = _parser().parse_args(arguments)
    if not options.bootstrap.is_file():
        text = f"--bootstrap {options.bootstrap} is no file; Lambda's base images have {_IMAGE_BOOTSTRAP}"
        say("agent", text, level="error")
        return 2
    try:
        token = read_one(options.token_file) if options.token_file else None
    except SamletError as error:
        say("agent", str(error), level="error")
        return 2
    place = Place(options.code, options.bootstrap, options.ready_file)
    return asyncio.run(_run(Agent(options.function, options.runtime, token, place), options.invoke))


async def _run(agent: Agent, event: str | None) -> int:
    work = asyncio.ensure_future(agent.serve() if event is None else agent.invoke(event.encode()))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, agent.leave)
    try:
        return await work
    except OSError as error:  # of an event of its own: the process could not be started, say
        say("agent", str(error), level="error")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samlet.agent", description="Run one function for a Samlet elsewhere.")
    parser.add_argument("function", help="its logical id in the template")
    parser.add_argument("--runtime", required=True, metavar="HOST:PORT", help="Samlet's SAMLET_AGENT_PORT")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the file with the token of its agents")
    parser.add_argument("--code", type=Path, default=_IMAGE_CODE, metavar="DIR", help="the function's code")
    parser.add_argument("--bootstrap", type=Path, default=_IMAGE_BOOTSTRAP, metavar="FILE", help="starts the runtime")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="is there exactly while events can come")
    parser.add_argument("--invoke", metavar="JSON", help="handle this one event, print the answer and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
