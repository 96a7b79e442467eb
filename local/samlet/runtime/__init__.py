"""The local Lambda: sandboxes, the APIs around them, and the queues in front of them."""

from samlet.runtime.asynchronous import Clock
from samlet.runtime.attached import AgentsApi
from samlet.runtime.environments import Environments
from samlet.runtime.functions import Functions
from samlet.runtime.invoke_api import InvokeApi
from samlet.runtime.observer import Observer, Observers, Woken, woken, woken_by
from samlet.runtime.outcome import Outcome

__all__ = [
    "AgentsApi",
    "Clock",
    "Environments",
    "Functions",
    "InvokeApi",
    "Observer",
    "Observers",
    "Outcome",
    "Woken",
    "woken",
    "woken_by",
]
