-- How many people were active on a day, for charts over months.
create table rollup_people_day (
    context_id    uuid        not null,
    day           timestamptz not null,
    logical_shard smallint    not null,
    people        integer     not null,
    primary key (context_id, day)
);

insert into rollup_people_day (context_id, day, logical_shard, people)
select context_id, day, min(logical_shard), count(*) from rollup_person_day group by context_id, day;
