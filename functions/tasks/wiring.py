"""What the use cases of `tasks` are given, made once a sandbox from the settings."""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request
from sqlalchemy import Engine

from taskflow.clock import Clock, utc_now
from taskflow.database import engine_for
from taskflow.pages import Cursors
from taskflow.settings import DatabaseSettings, Environment
from taskflow.tokens import TokenKeys


@dataclass(frozen=True)
class Services:
    """Everything that is not the request itself."""

    engine: Engine
    token_keys: TokenKeys
    cursors: Cursors
    clock: Clock = utc_now

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """From the settings of the function."""
        return cls(
            engine=engine_for(DatabaseSettings.read(environment)),
            token_keys=TokenKeys.read(environment),
            cursors=Cursors(environment.text("CURSOR_KEY")),
        )


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Wired = Annotated[Services, Depends(_services)]
