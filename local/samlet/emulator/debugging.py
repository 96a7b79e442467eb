"""Which functions somebody wants to look into with a debugger, and what is different about them."""

import errno
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial

from samlet.emulator.options import Options
from samlet.errors import PortTaken, ProjectError
from samlet.log import say
from samlet.model import Function
from samlet.runtime.debugger import Debugger
from samlet.runtime.environments import Environments
from samlet.settings import LOOPBACK


def chosen(functions: Mapping[str, Function], options: Options, on_start: Collection[str]) -> list[str]:
    """The logical ids of the functions to debug, in the template's order. Raises ProjectError.

    Named ones; without names all Python functions but those of `on_start`, which would keep the start waiting.
    """
    if options.debug_port is None:
        return []
    names = {logical_id: {logical_id, function.name} for logical_id, function in functions.items()}
    for wanted in options.debug_functions:
        found = next((functions[each] for each, known in names.items() if wanted in known), None)
        if found is None:
            raise ProjectError(f"--debug-function {wanted}: there are {', '.join(sorted(functions))}")
        if not _is_python(found):
            raise ProjectError(f"--debug-function {wanted}: it runs on {found.runtime}; only Python can be debugged")
    wanted_ones = set(options.debug_functions)
    if wanted_ones:
        return [logical_id for logical_id, known in names.items() if known & wanted_ones]
    left_out = set(on_start)
    return [each for each, known in names.items() if _is_python(functions[each]) and not known & left_out]


def adapted(functions: Mapping[str, Function], debugged: Collection[str]) -> dict[str, Function]:
    """The functions, with those that are debugged as somebody who debugs wants them.

    One sandbox, for which events wait instead of being throttled, and no second attempts at an event that failed.
    """
    return {
        logical_id: _one_at_a_time(function) if logical_id in debugged else function
        for logical_id, function in functions.items()
    }


def _one_at_a_time(function: Function) -> Function:
    reserved = 0 if function.reserved_concurrency == 0 else None
    once = replace(function.asynchronous, max_retries=0)
    return replace(function, reserved_concurrency=reserved, asynchronous=once)


async def open_ports(
    functions: Mapping[str, Function],
    debugged: Collection[str],
    port: int,
    environments: Environments,
    wake: Callable[[str], Awaitable[object]],
) -> dict[str, Debugger]:
    """Listen for a debugger of each function, on `port` and those that follow (0: on any); loopback only."""
    debuggers = {}
    for number, logical_id in enumerate(debugged):
        function = functions[logical_id]
        package = await environments.debugger_for(function)
        debugger = Debugger(function.name, package, partial(wake, logical_id))
        own = port + number if port else 0
        try:
            await debugger.listen(LOOPBACK, own)
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise PortTaken(f"the debugger of {function.name}", own, "--debug-port") from error
            raise ProjectError(f"port {own} (--debug-port) can't be listened on: {error}") from error
        debuggers[logical_id] = debugger
        say("samlet", f"debugger of {function.name}: {LOOPBACK}:{debugger.port}")
    return debuggers


def _is_python(function: Function) -> bool:
    return function.runtime.startswith("python")
