"""Runs an emulator in the foreground: the first Ctrl-C (or SIGTERM) stops it in order, the second one at once."""

import argparse
import asyncio
import atexit
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import FrameType
from typing import Any

import psutil

from samlet.batches import flush_all
from samlet.cli import overrides, sam_settings
from samlet.cli.selection import check_debug, selected
from samlet.emulator import Emulator, Options

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130
_PATIENCE = 4.5  # seconds; what cannot stop in order by then is killed, and nothing acknowledged is lost by that


def run_until_stopped(arguments: argparse.Namespace, options: Options) -> int:
    """Run the selected project until a signal comes; 0, since being stopped is how this ends well."""
    project, settings, _ = selected(arguments)
    sam = sam_settings.read(project, options.config_env)
    sam_settings.say_left_out(sam)
    variables, region = overrides.read(arguments, sam.env_vars)
    settings = sam_settings.with_ports(settings, sam, os.environ)
    interruptible(_stay(Emulator(project, settings, replace(options, overrides=variables, region=region))))
    return 0


def options_of(arguments: argparse.Namespace) -> Options:
    """What both `up` and `start` let one decide, but for variables and region."""
    check_debug(arguments)
    return Options(
        strict=arguments.strict,
        catch_up=arguments.catch_up,
        graceful=arguments.graceful,
        debug_port=arguments.debug_port,
        debug_functions=tuple(arguments.debug_function),
    )


def interruptible[T](work: Coroutine[Any, Any, T]) -> T | None:
    """Run `work`; a signal cancels it, so that it cleans up, and None is returned; another one ends us at once."""
    return asyncio.run(_cancelled_by_signals(work), loop_factory=loop_factory())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: an event costs half as much with it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _stay(emulator: Emulator) -> None:
    async with emulator.running():
        # What is there now stays: looking through it again and again would halt requests for a tenth of a second.
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()


async def _cancelled_by_signals[T](work: Coroutine[Any, Any, T]) -> T | None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    first = True

    def stop() -> None:
        nonlocal first
        if not first:
            _end_at_once()
        first = False
        atexit.register(_hear_no_more)
        loop.call_later(_PATIENCE, _end_at_once)
        task.cancel()

    def heard(_number: int, _frame: FrameType | None) -> None:
        try:
            loop.call_soon_threadsafe(stop)
        except RuntimeError:  # the loop is closed already
            _end_at_once()

    # The loop would take its own handlers away when it is closed, and a second Ctrl-C after that be a traceback.
    before = {number: signal.signal(number, heard) for number in _SIGNALS}
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        if first:
            for number, handler in before.items():
                signal.signal(number, handler)


def _hear_no_more() -> None:
    """Python's last steps are quick, but a signal in the midst of them would be death by that signal."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_at_once() -> None:
    """Kill whatever is ours; the reaper's helper needs no killing, it ends when we do."""
    flush_all()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(_INTERRUPTED)
