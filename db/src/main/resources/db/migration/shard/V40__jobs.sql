-- Work that outlives a request. A row is both the job and its outbox entry: it commits with what asked for it, and the
-- broker only carries its id. Times are those of the nodes' clocks.

create table job (
    context_id       uuid        not null,
    id               uuid        not null,
    logical_shard    smallint    not null,
    type             text        not null,
    kind             text        not null,
    lane             text        not null,
    score            integer     not null,
    state            text        not null check (state in
                         ('waiting', 'published', 'running', 'done', 'dead', 'cancelled', 'discarded')),
    attempt          smallint    not null default 0,
    payload          jsonb       not null,
    percent          smallint    not null default 0,
    stage            text,
    cause            text,
    traceparent      text,
    created_at       timestamptz not null,
    run_at           timestamptz not null,
    -- Which node handed it to the broker, when, and how urgent it was then.
    publisher        text,
    published_at     timestamptz,
    urgency          integer,
    -- Who runs it: only the holder of the token may write the result.
    lease_token      uuid,
    lease_until      timestamptz,
    cancel_requested boolean     not null default false,
    started_at       timestamptz,
    finished_at      timestamptz,
    primary key (context_id, id)
) with (fillfactor = 80);

-- What may run next, by score; by course, so that each course is seen however much another one asks for; by age.
create index job_waiting_by_score on job (lane, score desc, run_at, id) where state = 'waiting';
create index job_waiting_by_course on job (lane, context_id, score desc, run_at, id) where state = 'waiting';
create index job_waiting_by_age on job (lane, run_at) where state = 'waiting';
-- What is on its way or running is little: the relay and the reaper read it whole. Leases and progress are not in any
-- index, so that renewing them stays cheap.
create index job_in_flight on job (state, lane) where state in ('published', 'running');
-- Lists, newest first, and the dead-letter list.
create index job_by_id on job (id);
create index job_dead on job (id) where state = 'dead';
-- What is finished is removed after its retention.
create index job_finished on job (finished_at) where finished_at is not null and state <> 'dead';

-- Each row changes several times within seconds.
alter table job set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
