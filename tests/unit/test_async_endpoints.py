"""Every endpoint and dependency is `async def`: under Mangum a `def` one starts a thread for each request."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import auth.routes
import meta.routes
import tasks.routes

ROUTERS = {"auth": auth.routes.router, "tasks": tasks.routes.router, "meta": meta.routes.router}


def called(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from called(inner)


def is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


def offenders(router: APIRouter) -> list[str]:
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    assert routes
    return [str(call) for route in routes for call in called(route.dependant) if not is_async(call)]


@pytest.mark.parametrize("function", ROUTERS)
def test_every_endpoint_and_dependency_is_async(function: str) -> None:
    assert offenders(ROUTERS[function]) == []


def test_a_def_endpoint_would_be_found() -> None:
    router = APIRouter()

    @router.get("/")
    def endpoint() -> None: ...

    assert len(offenders(router)) == 1
