"""The Invoke API on a port, and a program that asks it with boto3 and an endpoint URL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import boto3
from aiohttp import web
from botocore.config import Config

from samlet.runtime import Functions, InvokeApi


@asynccontextmanager
async def served(functions: Functions) -> AsyncIterator[str]:
    """Serve the functions; gives the address."""
    runner = web.AppRunner(InvokeApi(functions).app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def ask(functions: Functions, work: Callable[[Any], Any]) -> Any:
    """Run `work(client)` in a thread."""
    async with served(functions) as address:
        client = boto3.client(
            "lambda",
            endpoint_url=address,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            # A test asks for what the API refuses; the client shall not refuse it first.
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        try:
            return await asyncio.to_thread(work, client)
        finally:
            client.close()
