-- Videos of a course. The bytes lie in the object storage; an unfinished upload grows in a file whose length is its offset.

create table video (
    context_id      uuid        not null,
    id              uuid        not null,
    logical_shard   smallint    not null,
    uploader_id     uuid        not null,
    title           text        not null check (length(title) between 1 and 200),
    filename        text        not null,
    state           text        not null
        check (state in ('uploading', 'queued', 'processing', 'ready', 'rejected', 'failed')),
    by_instructor   boolean     not null,
    live            boolean     not null,
    size_bytes      bigint      not null check (size_bytes > 0),
    -- Of the upload: what arrived as far as was last written down, the client's metadata as it came, and its end.
    received_bytes  bigint      not null default 0 check (received_bytes between 0 and size_bytes),
    upload_metadata text        not null,
    upload_expires  timestamptz not null,
    -- Of the source, once probed.
    duration_millis bigint,
    width           integer,
    height          integer,
    -- The job that works on it now, or did last.
    job_id          uuid,
    -- What the transcoder made: the folder of this run, and the renditions in it.
    output_id       uuid,
    renditions      jsonb       not null default '[]',
    has_poster      boolean     not null default false,
    error_code      text,
    error_detail    text,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (context_id, id),
    check (state <> 'ready' or output_id is not null),
    check ((state in ('rejected', 'failed')) = (error_code is not null))
);

-- Open uploads of a course are counted before another one begins.
create index video_open_uploads on video (context_id) where state = 'uploading';

-- Where a person stopped watching.
create table video_position (
    context_id    uuid             not null,
    video_id      uuid             not null,
    user_id       uuid             not null,
    logical_shard smallint         not null,
    seconds       double precision not null check (seconds >= 0),
    updated_at    timestamptz      not null,
    primary key (context_id, video_id, user_id),
    foreign key (context_id, video_id) references video (context_id, id) on delete cascade
);
