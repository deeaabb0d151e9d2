-- The people of a course, as launches and rosters told.
create table member (
    context_id    uuid        not null,
    user_id       uuid        not null,
    logical_shard smallint    not null,
    name          text,
    email         text,
    roles         text[]      not null,
    section       text,
    first_seen    timestamptz not null,
    last_seen     timestamptz not null,
    primary key (context_id, user_id)
);
-- Everything of one logical shard, to move it.
create index member_logical_shard on member (logical_shard);
-- Everything about one person, to export or erase it.
create index member_user on member (user_id);
