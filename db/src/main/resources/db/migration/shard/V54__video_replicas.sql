-- Regions that have a whole copy of what is played of a video: which output was copied, and since when.
create table video_replica (
    context_id    uuid        not null,
    video_id      uuid        not null,
    region        text        not null,
    logical_shard smallint    not null,
    output_id     uuid        not null,
    since         timestamptz not null,
    primary key (context_id, video_id, region),
    foreign key (context_id, video_id) references video (context_id, id) on delete cascade
);
create index video_replica_logical_shard on video_replica (logical_shard);
