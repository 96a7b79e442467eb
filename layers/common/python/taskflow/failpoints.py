"""Named places where a fault test lets the process die, as a power cut would: no clean-up, no exit handlers.

`FAIL_POINT=relay.after_send` kills the process the first time that place is reached, `FAIL_POINT=relay.after_send@3`
the third time. The variable is read once, on import; without it, `reach` compares a string with None and returns.
A point's name is `<function>.<before|after>_<step>`; the places in the code are the list of them.
"""

import os
import signal
from itertools import count

_NAME, _, _TIME = os.environ.get("FAIL_POINT", "").partition("@")
_FATAL_TIME = int(_TIME or 1)
_times = count(1)


def reach(name: str) -> None:
    """Die here if this is the armed fail point."""
    if name == _NAME and next(_times) == _FATAL_TIME:
        os.kill(os.getpid(), signal.SIGKILL)
