"""A `bootstrap` that streams its answers, and speaks the Runtime API with nothing but sockets.

The event says what it does: `say` are the parts of its answer, `gates` files that it waits for before each of them,
`size` bytes more, `end` how it ends, `type` its content type.
"""

import sys
from pathlib import Path

SOURCE = r"""#!{python}
import base64, json, os, socket, sys, time
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
BASE = "/2018-06-01/runtime/invocation/"

def call(line, method, path, headers=(), body=b""):
    head = [f"{{method}} {{BASE}}{{path}} HTTP/1.1", "Host: x", *headers]
    line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

def answer(reader):
    status, length, headers = int(reader.readline().split()[1]), 0, {{}}
    while (header := reader.readline().strip()):
        name, _, value = header.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, reader.read(int(headers["content-length"]))

def wait_for(path):
    deadline = time.monotonic() + 60
    while path and not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.01)

line = socket.create_connection((host, int(port)))
reader = line.makefile("rb")
while True:
    call(line, "GET", "next")
    _, headers, body = answer(reader)
    event, name = json.loads(body), headers["lambda-runtime-aws-request-id"]
    told = event.get("body", event)
    if event.get("isBase64Encoded"):
        told = base64.b64decode(told).decode()
    event = json.loads(told) if isinstance(told, str) else told
    if event.get("end") == "error":
        failed = json.dumps({{"errorType": "Early", "errorMessage": "told to fail"}}).encode()
        call(line, "POST", f"{{name}}/error", [f"Content-Length: {{len(failed)}}"], failed)
        answer(reader)
        continue
    if event.get("end") == "buffered":
        text = event["say"][0].encode()
        typed = [f"Content-Length: {{len(text)}}", "Content-Type: application/json"]
        call(line, "POST", f"{{name}}/response", typed, text)
        answer(reader)
        continue
    typed = [f"Content-Type: {{event['type']}}"] if event.get("type") else []
    call(line, "POST", f"{{name}}/response", [
        "Lambda-Runtime-Function-Response-Mode: streaming", "Transfer-Encoding: chunked", *typed,
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"])
    def chunk(part):
        line.sendall(b"%x\r\n%b\r\n" % (len(part), part))
    if "prelude" in event:
        chunk(json.dumps(event["prelude"]).encode() + bytes(8))
    for part, gate in zip(event.get("say", []), event.get("gates", []) + [None] * 99):
        wait_for(gate)
        chunk(part.encode("latin-1"))
    if event.get("last_gate"):
        wait_for(event["last_gate"])
    for _ in range(event.get("size", 0) // 65536):
        try:
            chunk(b"x" * 65536)
        except OSError:
            break
        if event.get("progress"):
            with open(event["progress"], "ab") as file:
                file.write(b".")
    if event.get("end") == "exit":
        os._exit(42)
    if event.get("end") == "hang":
        time.sleep(60)
    if event.get("end") == "cut":
        line.close(), reader.close()
        line = socket.create_connection((host, int(port)))
        reader = line.makefile("rb")
        continue
    trailers = b""
    if event.get("end") == "trailers":
        told = base64.b64encode(json.dumps({{"errorType": "Late", "errorMessage": "told to fail"}}).encode())
        trailers = b"Lambda-Runtime-Function-Error-Type: Late\r\nLambda-Runtime-Function-Error-Body: " + told + b"\r\n"
    try:
        line.sendall(b"0\r\n" + trailers + b"\r\n")
        status, _, _ = answer(reader)
    except (OSError, IndexError):
        status = 413
    if status == 413:
        line.close(), reader.close()
        line = socket.create_connection((host, int(port)))
        reader = line.makefile("rb")
"""


def write_bootstrap(folder: Path) -> Path:
    """Write it as `bootstrap` into the folder of a function's code."""
    program = folder / "bootstrap"
    program.write_text(SOURCE.format(python=sys.executable))
    program.chmod(0o755)
    return program
