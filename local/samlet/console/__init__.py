"""The console: what runs, its health and its traces, over HTTP on the loopback interface."""

from samlet.console.app import console
from samlet.console.correlation import Names
from samlet.console.record import Record
from samlet.console.watched import Watched

__all__ = ["Names", "Record", "Watched", "console"]
