-- The last whole roster of a course, and from where the next one may go on. Written with the members it brought.
create table lti_roster (
    context_id      uuid        not null primary key,
    logical_shard   smallint    not null,
    differences_url text,
    members         integer     not null,
    synced_at       timestamptz
);

-- What of a course has a column in the platform's gradebook: a video, or taking part.
create table lti_line_item (
    context_id       uuid             not null,
    resource         varchar(255)     not null,
    logical_shard    smallint         not null,
    url              text             not null,
    label            text,
    maximum          double precision not null check (maximum > 0),
    resource_link_id varchar(255),
    updated_at       timestamptz      not null,
    primary key (context_id, resource)
);

-- The newest score of a person for such a column, and whether the platform has it. Scores follow each other in time.
create table lti_score (
    context_id    uuid             not null,
    resource      varchar(255)     not null,
    user_id       uuid             not null,
    logical_shard smallint         not null,
    score         double precision,
    maximum       double precision not null check (maximum > 0),
    activity      text             not null,
    grading       text             not null,
    comment       text,
    at            timestamptz      not null,
    state         text             not null check (state in ('queued', 'sent', 'superseded', 'refused')),
    detail        text,
    sent_at       timestamptz,
    primary key (context_id, resource, user_id)
);
-- Everything about one person, to export or erase it.
create index lti_score_user on lti_score (user_id);

-- Which seconds of a graded video a person has watched, each counted once however often it was watched.
create table lti_watched (
    context_id    uuid           not null,
    video_id      uuid           not null,
    user_id       uuid           not null,
    logical_shard smallint       not null,
    seconds       int4multirange not null,
    primary key (context_id, video_id, user_id)
);
create index lti_watched_user on lti_watched (user_id);
-- Everything of one logical shard, to move it.
create index lti_roster_logical_shard on lti_roster (logical_shard);
create index lti_line_item_logical_shard on lti_line_item (logical_shard);
create index lti_score_logical_shard on lti_score (logical_shard);
create index lti_watched_logical_shard on lti_watched (logical_shard);
