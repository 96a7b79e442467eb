"""The smoke test, as `make smoke` runs it, against the laptop."""

from e2e.system import System
from smoke.__main__ import main


def test_g9_the_smoke_test_passes_on_the_laptop(system: System) -> None:
    assert main([system.addresses["api"], "--console", system.addresses["console"]]) == 0
