-- Shares of a long video that several workers make at a time: 0 is what can be played first, the others are ranges.
create table video_part (
    context_id    uuid     not null,
    video_id      uuid     not null,
    part          integer  not null check (part >= 0),
    logical_shard smallint not null,
    job_id        uuid     not null,
    -- Once it is made: the folder, and the segments in it.
    output_id     uuid,
    made          jsonb,
    primary key (context_id, video_id, part),
    foreign key (context_id, video_id) references video (context_id, id) on delete cascade,
    check ((output_id is null) = (made is null))
);
create index video_part_logical_shard on video_part (logical_shard);
