"""The HTTP face of accounts and tokens: parse, call one use case, shape the answer."""

from fastapi import APIRouter, Request

from auth import accounts, logins
from auth.schemas import Credentials, HeldToken, PasswordProof, Profile, ProfileChange, Registration, TokenPair
from auth.wiring import Services, Wired
from taskflow.database import transaction
from taskflow.identity import CurrentUser, Traceparent
from taskflow.problems import Unauthenticated
from taskflow.tokens import ACCESS_LIFETIME

router = APIRouter()


@router.post("/auth/register", status_code=201, tags=["accounts"])
async def register(body: Registration, services: Wired, traceparent: Traceparent) -> Profile:
    """Make an account."""
    password_hash = services.passwords.hash(body.password)
    with transaction(services.engine) as session:
        return Profile.of(accounts.register(session, body, password_hash, services.clock(), traceparent))


@router.post("/auth/login", tags=["tokens"])
async def log_in(body: Credentials, request: Request, services: Wired) -> TokenPair:
    """Log in with address and password."""
    login = logins.log_in(
        services.engine,
        services.throttle,
        services.passwords,
        body.email,
        body.password,
        _address(request),
        services.clock(),
    )
    return _tokens(services, login)


@router.post("/auth/refresh", tags=["tokens"])
async def refresh(body: HeldToken, services: Wired) -> TokenPair:
    """Change a refresh token for new tokens; each can be used once."""
    with transaction(services.engine) as session:
        login = logins.refresh(session, body.refresh_token, services.clock())
    # Raised after the commit: what a reused token revokes must stay revoked.
    if login is None:
        raise Unauthenticated("The refresh token is not valid, or no longer.")
    return _tokens(services, login)


@router.post("/auth/logout", status_code=204, tags=["tokens"])
async def log_out(body: HeldToken, services: Wired) -> None:
    """End the login that a refresh token belongs to."""
    with transaction(services.engine) as session:
        logins.log_out(session, body.refresh_token, services.clock())


@router.get("/me", tags=["accounts"])
async def get_me(user_id: CurrentUser, services: Wired) -> Profile:
    """Read the own account."""
    with transaction(services.engine) as session:
        return Profile.of(accounts.profile(session, user_id))


@router.patch("/me", tags=["accounts"])
async def change_me(body: ProfileChange, user_id: CurrentUser, services: Wired) -> Profile:
    """Change time zone, locale or digest."""
    with transaction(services.engine) as session:
        return Profile.of(accounts.change_profile(session, user_id, body, services.clock()))


@router.delete("/me", status_code=204, tags=["accounts"])
async def delete_me(
    body: PasswordProof, user_id: CurrentUser, request: Request, services: Wired, traceparent: Traceparent
) -> None:
    """Delete the own account and everything in it."""
    now = services.clock()
    logins.confirm_password(
        services.engine, services.throttle, services.passwords, user_id, body.password, _address(request), now
    )
    with transaction(services.engine) as session:
        accounts.delete(session, user_id, now, traceparent)


def _tokens(services: Services, login: logins.Login) -> TokenPair:
    return TokenPair(
        access_token=services.token_keys.issue(login.user_id, services.clock()),
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        refresh_token=login.refresh_token,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
