-- Chat: a course's room, the one sequence of its entries, its tickets and seats.

-- One row per room. The transaction that inserts entries advances head, so the sequence has no gaps and its order is
-- the order of commits.
create table chat_room (
    context_id    uuid        not null primary key,
    logical_shard smallint    not null,
    -- Incarnation of the sequence: another value tells clients to forget what they have and start anew.
    epoch         bigint      not null,
    head          bigint      not null default 0,
    shards        smallint    not null default 1,
    created_at    timestamptz not null
);
-- Rewritten by every batch: room on the page keeps these updates out of the index.
alter table chat_room set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

-- Everything that happened in a room, in order. Edits, deletions, reactions and moderation are entries like messages,
-- or a client that resumes would miss them.
create table chat_entry (
    context_id    uuid        not null,
    seq           bigint      not null,
    logical_shard smallint    not null,
    kind          text        not null check (kind in ('message', 'edit', 'delete', 'reaction', 'moderation')),
    client_id     text        not null,
    user_id       uuid        not null,
    user_name     text,
    -- the message that an edit, deletion or reaction is about
    target        bigint,
    text          text,
    detail        jsonb,
    at            timestamptz not null,
    primary key (context_id, seq)
);
-- A client's own id makes a resend harmless.
create unique index chat_entry_client on chat_entry (context_id, user_id, client_id);
-- History pages show messages only.
create index chat_entry_messages on chat_entry (context_id, seq desc) where kind = 'message';

-- Whoever holds a ticket may open one socket, once; the row is consumed by deleting it.
create table chat_ticket (
    context_id         uuid        not null,
    digest             bytea       not null,
    logical_shard      smallint    not null,
    session_id         uuid        not null,
    user_id            uuid        not null,
    user_name          text,
    roles              text        not null,
    session_expires_at timestamptz not null,
    shard              smallint    not null,
    expires_at         timestamptz not null,
    primary key (context_id, digest)
);
create index chat_ticket_expiry on chat_ticket (context_id, expires_at);

-- Sockets of a room's shard on a node. A node says every few seconds that its rows still hold; rows that nobody
-- confirmed count no more.
create table chat_seat (
    context_id    uuid        not null,
    shard         smallint    not null,
    node_id       text        not null,
    logical_shard smallint    not null,
    sockets       integer     not null,
    seen_at       timestamptz not null,
    primary key (context_id, shard, node_id)
);
create index chat_seat_node on chat_seat (node_id);

-- Up to where a person has read.
create table chat_read (
    context_id    uuid        not null,
    user_id       uuid        not null,
    logical_shard smallint    not null,
    seq           bigint      not null,
    at            timestamptz not null,
    primary key (context_id, user_id)
);
