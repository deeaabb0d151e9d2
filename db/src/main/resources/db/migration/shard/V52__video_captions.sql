-- Captions as WebVTT, one for each language; small next to a video, and gone with its row.
create table video_caption (
    context_id    uuid        not null,
    video_id      uuid        not null,
    language      text        not null check (length(language) between 2 and 35),
    logical_shard smallint    not null,
    label         text        not null check (length(label) between 1 and 60),
    webvtt        text        not null,
    updated_at    timestamptz not null,
    primary key (context_id, video_id, language),
    foreign key (context_id, video_id) references video (context_id, id) on delete cascade
);
create index video_caption_logical_shard on video_caption (logical_shard);

-- Where parts of a video begin: [{"start": seconds, "title": text}], in order.
alter table video add column chapters jsonb not null default '[]';
