"""The console: what runs, its health and its traces, over HTTP on the loopback interface."""

from samlet.console.app import console
from samlet.console.watched import Watched

__all__ = ["Watched", "console"]
