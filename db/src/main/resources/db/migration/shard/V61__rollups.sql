-- What a rollup counts, per context and hour; hours and days are UTC. Figures of a range add up whole days and hours,
-- and read its ragged edges from the events.

-- Events by verb; seconds is watched time, for the verbs that have any.
create table rollup_verb_hour (
    context_id    uuid             not null,
    hour          timestamptz      not null,
    verb          text             not null,
    logical_shard smallint         not null,
    events        bigint           not null,
    seconds       double precision not null,
    primary key (context_id, hour, verb)
);

-- How many people were active, so that a chart need not count them again.
create table rollup_people_hour (
    context_id    uuid        not null,
    hour          timestamptz not null,
    logical_shard smallint    not null,
    people        integer     not null,
    primary key (context_id, hour)
);

-- Who was active, so that people are counted once over any range.
create table rollup_person_hour (
    context_id    uuid             not null,
    hour          timestamptz      not null,
    user_id       uuid             not null,
    logical_shard smallint         not null,
    events        integer          not null,
    chat_messages integer          not null,
    video_views   integer          not null,
    watch_seconds double precision not null,
    primary key (context_id, hour, user_id)
);

create table rollup_person_day (
    context_id    uuid             not null,
    day           timestamptz      not null,
    user_id       uuid             not null,
    logical_shard smallint         not null,
    events        integer          not null,
    chat_messages integer          not null,
    video_views   integer          not null,
    watch_seconds double precision not null,
    primary key (context_id, day, user_id)
);

-- One row per context that ever had activity: the rollup job that is on its way, and how far rollups have come.
create table rollup_state (
    context_id    uuid        not null primary key,
    logical_shard smallint    not null,
    job_id        uuid,
    requested_at  timestamptz not null,
    rolled_up_to  timestamptz
);

-- Histogram of response times; the bounds of the buckets are those of LogBuckets and never change.
create table response_hour (
    context_id    uuid        not null,
    hour          timestamptz not null,
    bucket        smallint    not null,
    logical_shard smallint    not null,
    responses     bigint      not null,
    primary key (context_id, hour, bucket)
);
