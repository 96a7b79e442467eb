"""The bodies of accounts and tokens."""

from datetime import time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, PlainSerializer

from taskflow.clock import rfc3339
from taskflow.digest_time import is_timezone
from taskflow.passwords import MAX_LENGTH, MIN_LENGTH, refuse_weak
from taskflow.tables import User
from taskflow.text import Address, Body, Change, TimeOfDay


def _known_timezone(name: str) -> str:
    if not is_timezone(name):
        raise ValueError("is not the name of an IANA time zone")
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone), Field(max_length=64)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
NewPassword = Annotated[
    str, AfterValidator(refuse_weak), Field(json_schema_extra={"minLength": MIN_LENGTH, "maxLength": MAX_LENGTH})
]
# What is only compared needs no rules beyond a length: the answer must not tell why it is wrong.
GivenPassword = Annotated[str, Field(max_length=1024)]
Moment = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]
ClockTime = Annotated[time, PlainSerializer(lambda at: at.strftime("%H:%M"), return_type=str)]


class Registration(Body):
    email: Address
    password: NewPassword
    timezone: Timezone = "UTC"
    locale: Locale = "en"


class Credentials(Body):
    email: Address
    password: GivenPassword


class HeldToken(Body):
    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class PasswordProof(Body):
    password: GivenPassword


class DigestChange(Body):
    enabled: Change[bool] = None
    time: Change[TimeOfDay] = None
    skip_empty: Change[bool] = None


class ProfileChange(Body):
    """What is absent stays; nothing here can be null."""

    timezone: Change[Timezone] = None
    locale: Change[Locale] = None
    digest: Change[DigestChange] = None


class TokenPair(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, no secret
    expires_in: int
    refresh_token: str


class Digest(BaseModel):
    enabled: bool
    time: ClockTime
    skip_empty: bool


class Profile(BaseModel):
    id: UUID
    email: str
    created_at: Moment
    timezone: str
    locale: str
    digest: Digest

    @classmethod
    def of(cls, user: User) -> "Profile":
        """A user as everybody may see themselves."""
        return cls(
            id=user.id,
            email=user.email,
            created_at=user.created_at,
            timezone=user.timezone,
            locale=user.locale,
            digest=Digest(enabled=user.digest_enabled, time=user.digest_time, skip_empty=user.digest_skip_empty),
        )
