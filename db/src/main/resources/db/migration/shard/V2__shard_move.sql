-- Rows of a logical shard that changed while it moves, by key: the mover reads them again and carries them over.
create table shard_move_change (
    id            bigint   generated always as identity primary key,
    logical_shard smallint not null,
    table_name    text     not null,
    key           jsonb    not null
);
create index shard_move_change_logical_shard on shard_move_change (logical_shard, id);
alter table shard_move_change set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

-- Reads ask what has changed since the map that they know.
create index shard_epoch_epoch on shard_epoch (epoch);

-- The trigger that a mover puts on every table, for the rows of its logical shard only; its arguments are the columns of
-- the primary key. What the mover itself writes is no change.
create function record_shard_move() returns trigger
    language plpgsql as
$$
declare
    before jsonb;
    after  jsonb;
begin
    if current_setting('lectern.mover', true) = 'on' then
        return null;
    end if;
    if tg_op <> 'INSERT' then
        select jsonb_object_agg(name, to_jsonb(old) -> name) into before from unnest(tg_argv) as name;
        insert into shard_move_change (logical_shard, table_name, key) values (old.logical_shard, tg_table_name, before);
    end if;
    if tg_op <> 'DELETE' then
        select jsonb_object_agg(name, to_jsonb(new) -> name) into after from unnest(tg_argv) as name;
        if before is distinct from after then
            insert into shard_move_change (logical_shard, table_name, key)
            values (new.logical_shard, tg_table_name, after);
        end if;
    end if;
    return null;
end
$$;
