"""Concurrent writers with a ledger of their own, and the judge who compares it with what was published.

The writers change tasks the way the service does: change the object, then `outbox.add`, in one transaction. The seed is
in every failure's text. The rig is run against itself: with an outbox row that is written first, or a relay that
follows a cursor, it must find what is wrong (test_rig.py).
"""

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from integration.databases import Database
from integration.relaying import NOW
from taskflow import events, outbox
from taskflow.database import transaction
from taskflow.tables import Task, User

Add = Callable[[Session, events.Event], None]


@dataclass(frozen=True)
class Verdict:
    """How many committed events never arrived, arrived before an earlier one of their task, arrived again."""

    lost: int
    inversions: int
    repeated: int
    seed: int


class Rig:
    """Tasks of a few users, writers that fight over them, and what they committed."""

    def __init__(self, database: Database, *, tasks: int, add: Add = outbox.add, seed: int | None = None) -> None:
        self.seed = random.randrange(10**6) if seed is None else seed
        self._database = database
        self._add = add
        self._committed: list[UUID] = []
        self._versions: dict[UUID, tuple[UUID, int]] = {}
        users = [uuid4() for _ in range(max(1, tasks // 3))]
        self.keys = {str(user) for user in users}
        self._tasks = [(users[n % len(users)], uuid4()) for n in range(tasks)]
        self._make_rows(users)

    def write(self, *, transactions: int, writers: int) -> None:
        """Commit so many changes from so many threads, and return when all are committed."""
        threads = [
            threading.Thread(target=self._writer, args=(number, transactions // writers)) for number in range(writers)
        ]
        before = len(self._committed)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(self._committed) == before + transactions // writers * writers, f"a writer failed; seed {self.seed}"

    def judge(self, arrived: Sequence[bytes]) -> Verdict:
        """Compare the values that arrived, in their order, with the ledger; only first copies count."""
        ids = list(dict.fromkeys(UUID(json.loads(value)["event_id"]) for value in arrived))
        newest: dict[UUID, int] = {}
        inversions = 0
        for event_id in ids:
            task, version = self._versions[event_id]
            inversions += version < newest.get(task, 0)
            newest[task] = max(version, newest.get(task, 0))
        lost = len(set(self._committed) - set(ids))
        return Verdict(lost, inversions, len(arrived) - len(ids), self.seed)

    def _writer(self, number: int, transactions: int) -> None:
        dice = random.Random(self.seed * 1000 + number)
        engine = self._database.engine("tasks", timeout=20)
        for _ in range(transactions):
            user, task_id = dice.choice(self._tasks)
            self._change(engine, user, task_id, dice.random() * 0.004)
        engine.dispose()

    def _change(self, engine: Engine, user: UUID, task_id: UUID, linger: float) -> None:
        with transaction(engine, user) as session:
            task = session.get_one(Task, task_id)
            task.version = Task.version + 1  # taken by the database, under the row's lock
            event = events.TaskUpdated(event_id=uuid4(), occurred_at=NOW, user_id=user, task_id=task_id, title="x")
            self._add(session, event)
            time.sleep(linger)  # work that the transaction still does
            session.flush()
            session.refresh(task)
            self._versions[event.event_id] = (task_id, task.version)
        self._committed.append(event.event_id)

    def _make_rows(self, users: Sequence[UUID]) -> None:
        admin = self._database.admin_engine()
        with admin.begin() as connection:
            for user in users:
                values = {"id": user, "email": f"{user}@example.org", "password_hash": "x", "created_at": NOW}
                connection.execute(insert(User).values(values))
        engine = self._database.engine("tasks")
        for user, task_id in self._tasks:
            with transaction(engine, user) as session:
                session.add(Task(id=task_id, user_id=user, title="x", created_at=NOW, updated_at=NOW, version=1))
        engine.dispose()
