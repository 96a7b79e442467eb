"""Messages of `application/vnd.amazon.eventstream`, in which AWS's APIs answer with a stream of events.

Big-endian: the length of all, the length of the headers, a checksum of both; headers, payload; a checksum of all.
"""

import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_TEXT = 7  # the type of a header's value


def message(event_type: str, content_type: str, payload: bytes) -> bytes:
    """Return one event."""
    told = {":message-type": "event", ":event-type": event_type, ":content-type": content_type}
    headers = b"".join(_header(name, value) for name, value in told.items())
    lengths = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    begun = lengths + struct.pack("!I", zlib.crc32(lengths)) + headers + payload
    return begun + struct.pack("!I", zlib.crc32(begun))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _TEXT, len(value)) + value.encode()
