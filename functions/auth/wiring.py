"""What the use cases of `auth` are given, made once a sandbox from the settings."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Self

from fastapi import Depends, Request
from sqlalchemy import Engine

from auth.throttle import Throttle
from taskflow.clock import Clock, utc_now
from taskflow.database import engine_for
from taskflow.passwords import Passwords
from taskflow.settings import DatabaseSettings, Environment
from taskflow.tokens import TokenKeys


@dataclass(frozen=True)
class Services:
    """Everything that is not the request itself."""

    engine: Engine
    passwords: Passwords
    token_keys: TokenKeys
    throttle: Throttle
    clock: Clock = utc_now

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """From the settings of the function."""
        pepper = environment.text("PASSWORD_PEPPER")
        passwords = Passwords(pepper, environment.whole("PASSWORD_COST", 12))
        passwords.warm()
        return cls(
            engine=engine_for(DatabaseSettings.read(environment)),
            passwords=passwords,
            token_keys=TokenKeys.read(environment),
            throttle=Throttle(
                pepper,
                per_account=environment.whole("LOGIN_FAILURES_PER_ACCOUNT", 10),
                per_address=environment.whole("LOGIN_FAILURES_PER_ADDRESS", 100),
                window=timedelta(seconds=environment.whole("LOGIN_FAILURES_SECONDS", 900)),
            ),
        )


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Wired = Annotated[Services, Depends(_services)]
