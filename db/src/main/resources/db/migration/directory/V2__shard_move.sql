-- Moves of logical shards, each with the step that it has reached: whoever finds one that nobody works on goes on from there.
create table shard_move (
    id              uuid        primary key,
    logical_shard   smallint    not null check (logical_shard >= 0),
    source_shard    smallint    not null check (source_shard >= 0),
    target_shard    smallint    not null check (target_shard >= 0 and target_shard <> source_shard),
    state           text        not null default 'preparing' check (state in
                        ('preparing', 'copying', 'catching-up', 'switching', 'switched', 'confirming', 'reverting',
                         'returning', 'cleaning', 'aborting', 'done', 'aborted', 'reverted')),
    -- What an operator has asked for since.
    wanted          text        check (wanted in ('abort', 'confirm', 'revert')),
    -- Of the switch under way, or of the last one.
    epoch           bigint,
    tables_done     integer     not null default 0,
    tables_total    integer     not null default 0,
    rows_copied     bigint      not null default 0,
    changes_applied bigint      not null default 0,
    pause_millis    integer,
    failure         text,
    requested_by    text        not null,
    requested_at    timestamptz not null default now(),
    switched_at     timestamptz,
    updated_at      timestamptz not null default now(),
    finished_at     timestamptz
);
-- One open move for a logical shard.
create unique index shard_move_open on shard_move (logical_shard) where finished_at is null;
-- And one at a time on its way to a switch, so that maps change in the order of their epochs.
create unique index shard_move_under_way on shard_move ((true))
    where state in ('preparing', 'copying', 'catching-up', 'switching', 'reverting', 'returning');
create index shard_move_newest on shard_move (requested_at desc, id desc);

-- Who asked what of a move, and when; written with what it caused, never changed.
create table shard_move_request (
    move_id uuid        not null references shard_move (id),
    at      timestamptz not null default clock_timestamp(),
    what    text        not null,
    by_whom text        not null,
    primary key (move_id, at, what)
);
