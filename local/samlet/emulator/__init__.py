"""Everything together: starts the services, the runtime and the event sources of one project, and stops them."""

from samlet.emulator.emulator import Emulator
from samlet.emulator.options import Options, Overrides

__all__ = ["Emulator", "Options", "Overrides"]
