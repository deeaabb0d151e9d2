-- Whose shard this database is; a node that finds another one here does not start.
create table shard_identity (
    singleton      boolean  primary key default true check (singleton),
    installation   uuid     not null,
    physical_shard smallint not null check (physical_shard >= 0)
);

-- What this shard knows of the map: the logical shards that it holds or held, each with the epoch of the map's row.
create table shard_epoch (
    logical_shard smallint primary key check (logical_shard >= 0),
    epoch         bigint   not null check (epoch > 0),
    owned         boolean  not null
);

-- For work that spans courses: rows of a logical shard that has moved away may still lie here for a while.
create view owned_shard as
select logical_shard, epoch from shard_epoch where owned;

-- Every transaction of a course begins with this. The lock is shared between writers; who moves the logical shard takes
-- it alone, so that no writer is under way while ownership changes, and none of an older map can begin afterwards.
-- A function of several statements, because under READ COMMITTED each has a snapshot of its own: the epoch is read
-- after the lock is held, not before.
create function enter_shard(asked smallint, known bigint) returns void
    language plpgsql volatile as
$$
declare
    held record;
begin
    perform pg_advisory_xact_lock_shared(19539, asked);
    select epoch, owned into held from shard_epoch where logical_shard = asked;
    if not found or not held.owned or held.epoch <> known then
        raise exception 'logical shard % is not here under epoch %', asked, known using errcode = 'LS001';
    end if;
end
$$;

-- The same for a transaction that spans the courses of this shard: it excludes every move of the shard.
create function enter_all_shards() returns void
    language plpgsql volatile as
$$
begin
    perform pg_advisory_xact_lock_shared(19539, -1);
end
$$;
