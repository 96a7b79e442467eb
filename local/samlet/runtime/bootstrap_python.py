"""Runs inside a sandbox, by the function's own interpreter: starts the loop that asks the Runtime API for events.

Where AWS's runtime client is installed (Linux) it does the work, else python_loop.py beside this file. That is loaded
only then: what is imported here is paid for by every cold start.

AWS's client polls from a fresh thread for each event once it reads a Python runtime in AWS_EXECUTION_ENV, so that a
handler for SIGTERM can run; that costs it four fifths of its speed. The variable is set here as on AWS, for the
function to see; only the client's own option for threads is left off.
"""

import importlib
import os
import sys


def main() -> None:
    """Serve events for the handler named on the command line."""
    # Python put this file's folder first on the path: a function must not find Samlet's modules there.
    here = sys.path.pop(0)
    handler, address = sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"]
    if len(sys.argv) > 2:
        wait_for_debugger(*sys.argv[2:])
    try:
        importlib.import_module("runtime_client")  # the client's native half, the one that may be missing
        from awslambdaric import bootstrap
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
    except ImportError:
        _serve_in_python(here, handler, address)
    else:
        bootstrap.run(handler, LambdaRuntimeClient(address, use_thread_for_polling_next=False))


def wait_for_debugger(package: str, greeter: str, launch: str, wait: str = "") -> None:
    """Let a debugger attach; `package` is a folder with debugpy, which a function does not find by itself.

    Where it listens is said on the port `greeter`, together with `launch`.
    """
    import socket  # not at the top: every cold start would pay for it

    sys.path.insert(0, package)
    debugpy = importlib.import_module("debugpy")
    sys.path.remove(package)
    _, port = debugpy.listen(("127.0.0.1", 0))
    with socket.create_connection(("127.0.0.1", int(greeter))) as connection:
        connection.sendall((launch + " " + str(port)).encode())
    if wait:
        debugpy.wait_for_client()


def _serve_in_python(here: str, handler: str, address: str) -> None:
    from importlib import util

    spec = util.spec_from_file_location("samlet_python_loop", f"{here}/python_loop.py")
    assert spec
    assert spec.loader
    loop = util.module_from_spec(spec)
    spec.loader.exec_module(loop)
    loop.serve(handler, address)


if __name__ == "__main__":
    main()
