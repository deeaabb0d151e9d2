-- What people did, one row per event, written in the transaction of what caused it.
-- Every call that records events is one batch: a batch waits in activity_pending until a rollup has counted it.
-- Waiting batches are rows, not a position in a sequence of ids, transaction numbers or times: a transaction that
-- commits late shows its batch late and is still counted, and the rows may move to another server as they are.

create table activity (
    context_id    uuid             not null,
    id            uuid             not null,
    logical_shard smallint         not null,
    batch_id      uuid             not null,
    user_id       uuid             not null,
    verb          text             not null,
    object        text,
    at            timestamptz      not null,
    measures      jsonb,
    primary key (context_id, id)
);

-- The hours at the edges of a range are read from the events themselves.
create index activity_by_time on activity (context_id, at);
-- A rollup reads the events of the batches it takes.
create index activity_by_batch on activity (context_id, batch_id);

create table activity_pending (
    context_id    uuid        not null,
    batch_id      uuid        not null,
    logical_shard smallint    not null,
    events        integer     not null check (events > 0),
    recorded_at   timestamptz not null,
    primary key (context_id, batch_id)
);

-- A queue: rows come and go, so that dead ones are cleared early.
alter table activity_pending set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
