-- Sessions that launches opened. Secrets (bearer token, one-time code) are stored as SHA-256 digests only.
create table session (
    id            uuid primary key,
    token_digest  bytea unique,          -- null until the one-time code is traded for the token
    user_id       uuid not null,
    name          text,
    context_id    uuid not null,
    context_title text,
    roles         text[] not null,
    operator      boolean not null,
    target        text not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null
);
create index session_expires on session (expires_at);
create index session_person on session (user_id);

-- One-time codes of the launch's redirect; taken with DELETE ... RETURNING, so that exactly one exchange wins.
create table session_code (
    code_digest bytea primary key,
    session_id  uuid not null references session (id) on delete cascade,
    expires_at  timestamptz not null
);
create index session_code_session on session_code (session_id);
create index session_code_expires on session_code (expires_at);
