"""Runs inside a sandbox, by the function's own interpreter: starts the loop that asks the Runtime API for events.

AWS's loop does it where its package is installed (Linux), else python_loop.py beside this file. That is loaded only
then: what is imported here is paid for by every cold start. The calls themselves are made by runtime_client.py in
either case.

What a function may import is put on the path last, as AWS does it: a file types.py or email.py beside a handler is met
by nothing that the loop itself needs, and an `import types` in a handler gives Python's.
"""

import importlib
import os
import site
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType


def main() -> None:
    """Serve events for a handler; the command line names it, the number of an open socket or "", and a debugger."""
    # Python put this file's folder first on the path: a function must not find Samlet's modules there.
    here = sys.path.pop(0)
    handler, channel, *debugger = sys.argv[1:]
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    if debugger:
        wait_for_debugger(*debugger)
    sys.modules["runtime_client"] = client = _load(here, "runtime_client")
    client.connect(channel)
    try:
        from awslambdaric import bootstrap
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
    except ImportError:
        loop = _load(here, "python_loop")
        find_modules()
        loop.serve(handler, address, client)
        return
    find_modules()
    if bootstrap.run.__code__.co_argcount == 3:  # in older releases, which a function may require
        bootstrap.run(os.environ["LAMBDA_TASK_ROOT"], handler, address)
    else:
        bootstrap.run(handler, LambdaRuntimeClient(address, use_thread_for_polling_next=False))


def find_modules() -> None:
    """Put code and layers on the path, the code first; a PYTHONPATH that the template declares stands for the layers.

    Lines of `.pth` files count, and processes that the function starts have the PYTHONPATH that they have on AWS.
    """
    folders = [os.environ["LAMBDA_TASK_ROOT"]]
    if "PYTHONPATH" not in os.environ:
        if "LAMBDA_OPT_ROOT" in os.environ:
            packages = os.environ["LAMBDA_OPT_ROOT"] + "/python"
            version = os.environ["AWS_EXECUTION_ENV"].replace("AWS_Lambda_", "")
            folders += [f"{packages}/lib/{version}/site-packages", packages]
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    sys.path[:0] = folders
    for folder in folders:
        site.addsitedir(folder)


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


def _load(folder: str, name: str) -> ModuleType:
    """Load a module of Samlet that no import of the function finds."""
    spec = spec_from_file_location(f"samlet_{name}", f"{folder}/{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
