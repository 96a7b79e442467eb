"""Logs as JSON lines through Powertools, with secrets and addresses taken out whatever the caller passes."""

import re
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

_SECRET_NAME = re.compile(r"password|token|secret|pepper|authorization|cookie|dsn", re.IGNORECASE)
_HIDDEN = "[hidden]"
_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:[a-z][a-z0-9+.-]*)://[^\s/@]*:[^\s/@]*@", re.IGNORECASE), f"{_HIDDEN} "),  # a DSN's user part
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), _HIDDEN),  # a JWT
    (re.compile(r"\bBearer\s+[^\s\"]+", re.IGNORECASE), f"Bearer {_HIDDEN}"),
    (
        re.compile(r"([^\s@\"'<>])[^\s@\"'<>]*@([^\s@\"'<>\\]+)"),
        r"\1***@\2",
    ),  # an address keeps a letter and its domain
)


class _Formatter(LambdaPowertoolsFormatter):
    """Cleans every line as it is written, so that no caller can forget to."""

    def serialize(self, log: Any) -> str:
        return super().serialize(redacted(log))


def redacted(value: Any, name: str = "") -> Any:
    """A value fit for the log: what is named like a secret goes, and so does what looks like one."""
    if name and _SECRET_NAME.search(name):
        return _HIDDEN
    if isinstance(value, dict):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text


def logger_for(function: str) -> Logger:
    """The logger of a function; its level is POWERTOOLS_LOG_LEVEL, INFO without one."""
    return Logger(service=function, logger_formatter=_Formatter(), utc=True)
