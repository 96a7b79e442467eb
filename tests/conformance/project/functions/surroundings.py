"""Tells what a function is told."""

import os
from pathlib import Path
from typing import Any


def handler(event: Any, context: Any) -> Any:
    told = context.client_context
    return {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "context": {
            "function_name": context.function_name,
            "function_version": context.function_version,
            "invoked_function_arn": context.invoked_function_arn,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "aws_request_id": context.aws_request_id,
            "log_group_name": context.log_group_name,
            "remaining": context.get_remaining_time_in_millis(),
            "custom": told.custom if told else None,
        },
    }
