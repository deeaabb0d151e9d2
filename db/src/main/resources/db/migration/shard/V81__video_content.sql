-- Sources of a course by what they contain: the same bytes that are uploaded again are stored once, and counted.
create table video_content (
    context_id    uuid        not null,
    sha256        bytea       not null check (length(sha256) = 32),
    logical_shard smallint    not null,
    -- Names the folder of the source and of all that is made of it. Never used again when its last share is gone, so that
    -- removing a folder cannot meet a new upload of the same bytes.
    id            uuid        not null,
    size_bytes    bigint      not null check (size_bytes > 0),
    -- How many videos have it.
    shares        integer     not null check (shares >= 0),
    created_at    timestamptz not null,
    primary key (context_id, sha256)
);
create unique index video_content_id on video_content (context_id, id);
create index video_content_logical_shard on video_content (logical_shard);

-- What a video consists of, from when its source goes to the storage.
alter table video add column content_id uuid;
update video set content_id = id where state not in ('uploading', 'rejected');
create index video_content_shares on video (context_id, content_id);
