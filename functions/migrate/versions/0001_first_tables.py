"""The first tables, and the row level security of tasks.

A migration is history: it spells its tables out and does not follow taskflow.tables when that changes.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE dead_letters (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    key BYTEA,
    value BYTEA,
    reason TEXT NOT NULL,
    at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);

CREATE TABLE login_failures (
    id UUID NOT NULL,
    account BYTEA NOT NULL,
    address BYTEA NOT NULL,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX login_failures_account ON login_failures (account, failed_at);
CREATE INDEX login_failures_address ON login_failures (address, failed_at);
CREATE INDEX login_failures_age ON login_failures (failed_at);

CREATE TABLE outbox (
    id BIGSERIAL NOT NULL,
    event_id UUID NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    headers JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    published_at timestamptz,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at timestamptz,
    last_error TEXT,
    dead_at timestamptz,
    PRIMARY KEY (id),
    UNIQUE (event_id)
);
CREATE INDEX outbox_dead ON outbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL AND dead_at IS NULL;

CREATE TABLE processed_events (
    event_id UUID NOT NULL,
    processed_at timestamptz,
    state TEXT,
    fence UUID,
    lease_until timestamptz,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at timestamptz,
    last_error TEXT,
    payload TEXT,
    recipient BYTEA,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT processed_events_state CHECK (
        state IN ('claimed', 'dispatching', 'sent', 'retry', 'failed', 'suppressed', 'unknown')
    )
);
CREATE INDEX processed_events_age ON processed_events (created_at);
CREATE INDEX processed_events_open ON processed_events (next_attempt_at) WHERE processed_at IS NULL;
CREATE INDEX processed_events_recipient ON processed_events (recipient) WHERE state = 'suppressed';

CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    locale TEXT DEFAULT 'en' NOT NULL,
    digest_enabled BOOLEAN DEFAULT true NOT NULL,
    digest_time TIME WITHOUT TIME ZONE DEFAULT '00:00' NOT NULL,
    digest_skip_empty BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE digest_ledger (
    user_id UUID NOT NULL,
    local_date DATE NOT NULL,
    event_id UUID,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (user_id, local_date),
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE digest_schedule (
    user_id UUID NOT NULL,
    next_digest_at timestamptz NOT NULL,
    PRIMARY KEY (user_id),
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX digest_schedule_due ON digest_schedule (next_digest_at, user_id);

CREATE TABLE refresh_tokens (
    token_hash BYTEA NOT NULL,
    family_id UUID NOT NULL,
    user_id UUID NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (token_hash),
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

CREATE TABLE tasks (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    title TEXT NOT NULL,
    notes TEXT,
    done BOOLEAN DEFAULT false NOT NULL,
    done_at timestamptz,
    due_on DATE,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version INTEGER DEFAULT 1 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT tasks_title_length CHECK (char_length(title) BETWEEN 1 AND 500),
    CONSTRAINT tasks_done_has_moment CHECK (done = (done_at IS NOT NULL)),
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX tasks_newest ON tasks (user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_trash ON tasks (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX tasks_user ON tasks (user_id);
CREATE INDEX tasks_user_done ON tasks (user_id, done);
"""

# The owner is bound by the policies too (FORCE). A function that sets no user sees nothing: '' and unset are null.
ROW_LEVEL_SECURITY = """
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
CREATE POLICY tasks_of_their_user ON tasks
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
    WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
"""


def upgrade() -> None:
    """Everything that version 1 has."""
    for script in (TABLES, ROW_LEVEL_SECURITY):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
