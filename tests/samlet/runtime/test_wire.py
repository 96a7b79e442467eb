from samlet.runtime import wire
from samlet.runtime.sandbox import Request


def test_an_event_reaches_an_agent_with_everything_that_was_asked() -> None:
    request = Request("one", b"\xff{}", '{"custom": {}}', "Root=1-2-3", "live", "1")
    assert wire.invoked(wire.invoke(request)) == request


def test_an_event_from_a_samlet_that_knows_no_qualifiers_is_unqualified() -> None:
    message = wire.invoke(Request("one", b"{}"))
    del message["qualifier"], message["version"]
    assert wire.invoked(message) == Request("one", b"{}")
