"""What each function's database role may do and how long it may take: the whole table of privileges."""

from dataclasses import dataclass

READ, ADD, CHANGE, REMOVE = "SELECT", "INSERT", "UPDATE", "DELETE"


@dataclass(frozen=True)
class Role:
    """A function's role; the times, in milliseconds, lie below the time-outs of the function's own socket.

    `privileges` maps a table to what may be done with it, `settings` a server setting to its value for this role.
    """

    privileges: dict[str, tuple[str, ...]]
    settings: dict[str, int]


def _times(statement: int, lock: int, idle_in_transaction: int) -> dict[str, int]:
    return {
        "statement_timeout": statement,
        "lock_timeout": lock,
        "idle_in_transaction_session_timeout": idle_in_transaction,
        "idle_session_timeout": 600_000,  # a frozen sandbox gives its connection back
    }


_OUTBOX_ID = "SEQUENCE outbox_id_seq"

ROLES: dict[str, Role] = {
    "auth": Role(
        {
            "users": (READ, ADD, CHANGE, REMOVE),
            "digest_schedule": (READ, ADD, CHANGE, REMOVE),
            "refresh_tokens": (READ, ADD, CHANGE, REMOVE),
            "login_failures": (READ, ADD, REMOVE),
            "outbox": (ADD,),
            _OUTBOX_ID: ("USAGE",),
        },
        _times(1_800, 1_500, 5_000),
    ),
    "tasks": Role(
        {"tasks": (READ, ADD, CHANGE), "outbox": (ADD,), _OUTBOX_ID: ("USAGE",)},
        _times(1_800, 1_500, 5_000),
    ),
    # A frozen relay that holds the lock would block the other for ever without the last two.
    "outbox_relay": Role({"outbox": (READ, CHANGE)}, _times(10_000, 5_000, 10_000)),
    "nightly_digest": Role(
        {
            # By column: no password hash is read, and only the moment of the next digest is moved.
            "users": ("SELECT (id, email, timezone, digest_enabled, digest_time, digest_skip_empty)",),
            "tasks": (READ,),
            "digest_schedule": (READ, "UPDATE (next_digest_at)"),
            "digest_ledger": (READ, ADD),
            "outbox": (ADD,),
            _OUTBOX_ID: ("USAGE",),
        },
        _times(30_000, 5_000, 30_000),
    ),
    "mail_sender": Role(
        {"processed_events": (READ, ADD, CHANGE), "dead_letters": (READ, ADD)},
        _times(5_000, 2_000, 10_000),
    ),
    "housekeeping": Role(
        {
            "tasks": (READ, REMOVE),
            "outbox": (READ, REMOVE),
            "refresh_tokens": (READ, REMOVE),
            "login_failures": (READ, REMOVE),
            "processed_events": (READ, REMOVE),
        },
        _times(60_000, 5_000, 30_000),
    ),
}

# Whose rows of `tasks` a role sees without being that user; made here and not in a migration, because roles are
# named after the database.
POLICIES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "nightly_digest": (("tasks_for_the_digest", READ, "true"),),
    "housekeeping": (
        ("tasks_trash_seen", READ, "deleted_at IS NOT NULL"),
        ("tasks_trash_emptied", REMOVE, "deleted_at IS NOT NULL"),
    ),
}

BACKUP_POLICY = "tasks_for_the_backup"
