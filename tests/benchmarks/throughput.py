"""How much the system takes: requests a second, a backlog of events, a night of digests."""

import asyncio
import time
from uuid import uuid4

import aiohttp
from sqlalchemy import text

from benchmarks.figures import Figure, milliseconds
from e2e.system import System
from e2e.user import User
from waiting import eventually


async def _load(url: str, token: str, clients: int, seconds: float) -> list[float]:
    durations: list[float] = []
    until = time.monotonic() + seconds

    async def client(session: aiohttp.ClientSession) -> None:
        while (began := time.monotonic()) < until:
            async with session.get(url) as answer:
                await answer.read()
                answer.raise_for_status()
            durations.append(time.monotonic() - began)

    async with aiohttp.ClientSession(headers={"authorization": token}) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return durations


def requests(system: System, seconds: float = 5.0) -> list[Figure]:
    """GET of a function without a database and of one with it, by one client and by eight."""
    user = User(system)
    for number in range(20):
        user.add(f"task {number}")
    figures = []
    for path in ("/healthz", "/tasks"):
        for clients in (1, 8):
            url, token = system.addresses["api"] + path, user.client.headers["authorization"]
            asyncio.run(_load(url, token, clients, 1.0))  # warms as many sandboxes as it takes
            durations = asyncio.run(_load(url, token, clients, seconds))
            value = f"{len(durations) / seconds:.0f}/s, {milliseconds(durations)}"
            figures.append(Figure(f"GET {path}, {clients} client{'s'[: clients > 1]}", value, f"{seconds:.0f} s"))
    return figures


def backlog(system: System, events: int = 5_000) -> Figure:
    """Rows that are in the outbox at once, until the relay has marked the last one."""
    with system.database() as database:
        database.execute(
            text("""
                INSERT INTO outbox (event_id, topic, key, type, payload)
                SELECT id, 'events', key, 'bench.row', json_build_object('event_id', id)::text
                  FROM (SELECT gen_random_uuid() AS id, 'key-' || mod(n, 200) AS key
                          FROM generate_series(1, :n) n) r"""),
            {"n": events},
        )
    began = time.monotonic()

    def drained() -> bool:
        with system.database() as database:
            return not database.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL"))

    eventually(drained, timeout=120, every=0.1)
    rate = events / (time.monotonic() - began)
    return Figure("backlog of the outbox", f"{rate:.0f} events/s", f"{events} rows, 200 keys, two relays in turn")


def digests(system: System, users: int = 1_000) -> Figure:
    """One tick for so many users with three tasks each; the mails follow and are not counted."""
    slot = User.next_midnight(days=2)
    with system.database() as database:
        for _ in range(users):
            user = {"id": uuid4(), "email": f"{uuid4()}@example.org", "slot": slot}
            database.execute(text("SELECT set_config('app.user_id', CAST(:id AS text), true)"), user)
            database.execute(
                text("""
                    WITH new AS (INSERT INTO users (id, email, password_hash, created_at)
                                 VALUES (:id, :email, '-', now()) RETURNING id)
                    INSERT INTO digest_schedule (user_id, next_digest_at)
                    SELECT id, CAST(:slot AS timestamptz) FROM new"""),
                user,
            )
            database.execute(
                text("""
                    INSERT INTO tasks (id, user_id, title, created_at, updated_at)
                    SELECT gen_random_uuid(), :id, 'task ' || n, now(), now() FROM generate_series(1, 3) n"""),
                user,
            )
    began = time.monotonic()
    system.samlet("schedule", "run", system.schedule("digest"), "--at", slot)
    took = time.monotonic() - began
    return Figure("digest", f"{took:.1f} s", f"one tick for {users} users, three tasks each, command included")
