"""Messages between Samlet and its client in a sandbox, written by hand."""


def message(head: str, body: bytes = b"") -> bytes:
    text = head.encode()
    return len(text).to_bytes(4) + len(body).to_bytes(4) + text + body
