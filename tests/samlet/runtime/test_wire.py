from pathlib import Path

from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import wire
from samlet.runtime.request import Request
from samlet.runtime.sandbox_settings import SandboxSettings


def test_an_event_reaches_an_agent_with_everything_that_was_asked() -> None:
    request = Request("one", b"\xff{}", '{"custom": {}}', "Root=1-2-3", "live", "1")
    assert wire.invoked(wire.invoke(request)) == request


def test_an_event_from_a_samlet_that_knows_no_qualifiers_is_unqualified() -> None:
    message = wire.invoke(Request("one", b"{}"))
    del message["qualifier"], message["version"]
    assert wire.invoked(message) == Request("one", b"{}")


def test_what_the_command_line_overrides_reaches_an_agent(tmp_path: Path) -> None:
    here = SandboxSettings(Reaper(), "eu-west-1", "0", {}, None, 10)
    function = Function("F", "f", "python3.13", "app.handler", tmp_path, overrides={"A": "b"})
    there, _ = wire.configured(wire.configure(function, here), tmp_path, here)
    assert there.overrides == {"A": "b"}
