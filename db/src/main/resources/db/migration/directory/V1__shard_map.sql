-- What never changes once the directory exists. The id tells databases of different installations apart.
create table installation (
    singleton      boolean     primary key default true check (singleton),
    id             uuid        not null,
    logical_shards smallint    not null check (logical_shards > 0),
    created_at     timestamptz not null default now()
);

-- Which physical shard holds a logical shard. A move raises the epoch of its row to one more than the highest of the
-- map, so the highest epoch is the version of the whole map.
create table shard_map (
    logical_shard  smallint    primary key check (logical_shard >= 0),
    physical_shard smallint    not null check (physical_shard >= 0),
    epoch          bigint      not null check (epoch > 0),
    changed_at     timestamptz not null default now()
);
create index shard_map_epoch on shard_map (epoch);
