insert into job (context_id, id, logical_shard, type, kind, lane, score, state, payload, created_at, run_at)
    values (:context, gen_random_uuid(), 0, 'video', 'pgbench', 'standard', 0, 'waiting', '{}', now(), now()) returning id \gset
update job set state = 'published', publisher = 'pgbench', published_at = now(), urgency = 0 where context_id = :context and id = :id and state = 'waiting';
update job set state = 'running', attempt = attempt + 1, lease_token = gen_random_uuid(), lease_until = now() + interval '30 s', started_at = now(), percent = 0, stage = null where context_id = :context and id = :id and state = 'published';
update job set state = 'done', lease_token = null, lease_until = null, percent = 100, finished_at = now() where context_id = :context and id = :id and state = 'running';
