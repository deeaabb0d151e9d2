-- Audit#list
select id, at, actor, action, registration_id, detail from lti_audit where true and id < :before order by id desc limit :limit
;
-- Audit#list
select id, at, actor, action, registration_id, detail from lti_audit where true and registration_id = :registration and id < :before order by id desc limit :limit
;
-- Audit#list
select id, at, actor, action, registration_id, detail from lti_audit where true and registration_id = :registration order by id desc limit :limit
;
-- Audit#list
select id, at, actor, action, registration_id, detail from lti_audit where true order by id desc limit :limit
;
-- Audit#note
insert into lti_audit (id, at, actor, action, registration_id, detail)
values (:id, :at, :actor, :action, :registration, :detail)
;
-- Audit#record
insert into chat_audit
    (context_id, id, logical_shard, user_id, user_name, action, subject, target, detail, at)
select :context, id, :logicalShard, user_id, user_name, action, subject, target, detail::jsonb, at
from unnest(:ids::uuid[], :users::uuid[], :names::text[], :actions::text[], :subjects::uuid[],
            :targets::bigint[], :details::text[], :times::timestamptz[])
    as l (id, user_id, user_name, action, subject, target, detail, at)
;
-- Captions#count
select count(*) as tracks from video_caption where context_id = :context and video_id = :video
;
-- Captions#delete
delete from video_caption where context_id = :context and video_id = :video and language = :language
;
-- Captions#put
insert into video_caption (context_id, video_id, language, logical_shard, label, webvtt, updated_at)
values (:context, :video, :language, :logicalShard, :label, :webvtt, :now)
on conflict (context_id, video_id, language)
do update set label = excluded.label, webvtt = excluded.webvtt, updated_at = excluded.updated_at
;
-- Captions#text
select c.webvtt, coalesce(v.duration_millis, 0) as duration_millis
from video_caption c
join video v on v.context_id = c.context_id and v.id = c.video_id
where c.context_id = :context and c.video_id = :video and c.language = :language
;
-- Captions#tracks
select language, label from video_caption where context_id = :context and video_id = :video order by language
;
-- Contents#adopt
with twin as (
    select * from video t
    where t.context_id = :context and t.content_id = :content and t.id <> :video and t.state = 'ready'
      and not exists (select 1 from video_part p where p.context_id = t.context_id and p.video_id = t.id
                      and (p.output_id is null or p.output_id = t.output_id))
    order by t.id limit 1 for no key update
), shares as (
    insert into video_part (context_id, video_id, part, logical_shard, job_id, output_id, made)
    select p.context_id, :video, p.part, p.logical_shard, p.job_id, p.output_id, p.made
    from video_part p join twin on p.context_id = twin.context_id and p.video_id = twin.id
    on conflict do nothing
)
update video v
set state = 'ready', output_id = twin.output_id, renditions = twin.renditions,
    has_poster = twin.has_poster, output_bytes = twin.output_bytes, updated_at = :now
from twin
where v.context_id = :context and v.id = :video and v.state = any(:from)
returning v.output_id
;
-- Contents#count
insert into video_content (context_id, sha256, logical_shard, id, size_bytes, shares, created_at)
values (:context, :sha256, :logicalShard, :id, :bytes, 1, :now)
on conflict (context_id, sha256) do update set shares = video_content.shares + 1
returning id
;
-- Contents#named
select v.output_id as output,
       v.state in ('queued', 'processing') or v.output_id is not distinct from p.output_id
           and p.video_id is not null as busy,
       p.output_id as part
from video v left join video_part p on p.context_id = v.context_id and p.video_id = v.id
where v.context_id = :context and v.content_id = :content
;
-- Contents#release
delete from video_content where context_id = :context and id = :content
;
-- Contents#release
update video_content set shares = shares - 1 where context_id = :context and id = :content returning shares
;
-- Contents#share
select content_id from video where context_id = :context and id = :video for update
;
-- Contents#share
update video set content_id = :content where context_id = :context and id = :video
;
-- Contents#used
select exists (select 1 from video where context_id = :context and content_id = :content) as used
;
-- ControlLease#held
select count(*) from (select 1 from control_lease where name = :name and holder = :holder and until > now() for update) l
;
-- ControlLease#take
insert into control_lease as l (name, holder, until)
values (:name, :holder, now() + make_interval(secs => :seconds))
on conflict (name) do update set holder = excluded.holder, until = excluded.until
where l.holder = excluded.holder or l.until < now()
;
-- Decisions#add
insert into decision (id, at, resource, subject, change, priority, state, mode, reason, evidence)
values (:id, :at, :resource, :subject, :change, :priority, 'proposed', :mode, :reason, :evidence::jsonb)
;
-- Decisions#page
select id, at, resource, subject, change, priority, state, mode, reason, evidence, lapsed_at from decision order by id desc limit :limit
;
-- Decisions#page
select id, at, resource, subject, change, priority, state, mode, reason, evidence, lapsed_at from decision where id < :before order by id desc limit :limit
;
-- Decisions#relevant
select id, at, resource, subject, change, priority, state, mode, reason, evidence, lapsed_at from decision where state = 'proposed'
union
select * from (
    select distinct on (resource, subject) id, at, resource, subject, change, priority, state, mode, reason, evidence, lapsed_at from decision
    where at > :since order by resource, subject, at desc) last
;
-- Decisions#write
update decision set state = 'lapsed', lapsed_at = :at where id = any (:ids) and state = 'proposed'
;
-- DeepLinks#keep
with old as (delete from lti_deep_link where expires_at < :now)
insert into lti_deep_link (id, registration_id, deployment_id, context_id, user_id,
    return_url, data, types, targets, multiple, line_items, origin, expires_at)
values (:id, :registration, :deployment, :context, :user, :url, :data, :types,
    :targets, :multiple, :lineItems, :origin, :ends)
;
-- DeepLinks#of
select d.deployment_id, d.return_url, d.data, d.types, d.targets, d.multiple,
    d.line_items, d.origin, r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments
from lti_deep_link d join lti_registration r on r.id = d.registration_id
where d.id = :id and d.user_id = :user and d.expires_at > :now
;
-- Effects#in
delete from chat_reaction r
using unnest(:targets::bigint[], :emoji::text[], :users::uuid[]) as c (target, emoji, user_id)
where r.context_id = :context and r.target = c.target and r.emoji = c.emoji and r.user_id = c.user_id
;
-- Effects#in
insert into chat_pace (context_id, user_id, logical_shard, at)
select :context, user_id, :logicalShard, at
from unnest(:users::uuid[], :times::timestamptz[]) as p (user_id, at)
on conflict (context_id, user_id) do update set at = excluded.at
;
-- Effects#in
insert into chat_reaction (context_id, target, emoji, user_id, logical_shard, at)
select :context, target, emoji, user_id, :logicalShard, at
from unnest(:targets::bigint[], :emoji::text[], :users::uuid[], :times::timestamptz[])
    as r (target, emoji, user_id, at)
on conflict do nothing
;
-- Effects#in
update chat_entry m set pinned_at = p.at
from unnest(:targets::bigint[], :times::timestamptz[]) as p (target, at)
where m.context_id = :context and m.seq = p.target
;
-- Effects#in
update chat_room set announce = true where context_id = :context
;
-- Effects#in
update chat_room set slow_seconds = :seconds where context_id = :context
;
-- Effects#in
with forgotten as (delete from chat_pace where context_id = :context)
update chat_room set announce = false, slow_seconds = null
where context_id = :context
;
-- Effects#in
with gone as (
    select * from unnest(:targets::bigint[], :times::timestamptz[]) as g (target, at)),
emptied as (
    update chat_entry m set text = null, detail = null, fingerprint = null, deleted_at = gone.at,
        pinned_at = null
    from gone where m.context_id = :context and m.seq = gone.target),
edits as (
    update chat_entry e set text = null, fingerprint = null
    from gone where e.context_id = :context and e.target = gone.target and e.kind = 'edit'),
heard as (
    delete from chat_notification n using gone
    where n.context_id = :context and n.seq = gone.target)
delete from chat_reaction r using gone where r.context_id = :context and r.target = gone.target
;
-- Effects#in
with guarded as (update chat_room set guarded = true where context_id = :context)
insert into chat_sanction (context_id, user_id, kind, logical_shard, until, reason, by_user, at)
values (:context, :subject, :kind, :logicalShard, :until, :reason, :by, :at)
on conflict (context_id, user_id, kind) do update
    set until = excluded.until, reason = excluded.reason, by_user = excluded.by_user, at = excluded.at
;
-- Effects#in
with latest as (
    select * from unnest(:targets::bigint[], :texts::text[], :times::timestamptz[])
        as l (target, text, at)),
earlier as (
    update chat_entry e set text = latest.text
    from latest
    where e.context_id = :context and e.target = latest.target and e.kind = 'edit'
        and e.text is distinct from latest.text)
update chat_entry m set text = latest.text, edited_at = latest.at
from latest where m.context_id = :context and m.seq = latest.target
;
-- Effects#in
with pardoned as (
    delete from chat_sanction where context_id = :context and user_id = :subject and kind = :kind)
update chat_room set guarded = exists (
    select from chat_sanction s
    where s.context_id = :context and not (s.user_id = :subject and s.kind = :kind))
where context_id = :context
;
-- Endpoints#find
select s.url, s.scopes, c.deployment_id, r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments
from lti_service s
join lti_context c on c.context_id = s.context_id
join lti_registration r on r.id = c.registration_id
where s.context_id = :context and s.service = :service and s.resource_link_id = :link
;
-- Endpoints#launched
insert into lti_service (context_id, resource_link_id, service, url, scopes,
    updated_at)
values (:context, :link, :service, :url, :scopes, :now)
on conflict (context_id, resource_link_id, service) do update
set url = excluded.url, scopes = excluded.scopes, updated_at = excluded.updated_at
where (lti_service.url, lti_service.scopes)
    is distinct from (excluded.url, excluded.scopes)
;
-- Facts#in
select count(*) as pins from chat_entry where context_id = :context and pinned_at is not null
;
-- Facts#in
select m.seq, m.user_id, m.at, m.target, m.pinned_at is not null as pinned,
       array(select distinct emoji from chat_reaction r
             where r.context_id = m.context_id and r.target = m.seq) as emoji
from chat_entry m
where m.context_id = :context and m.seq = any(:about) and m.kind = 'message' and m.deleted_at is null
;
-- Facts#in
select user_id from member where context_id = :context and user_id = any(:subjects)
    and roles && array['instructor', 'ta', 'administrator']
;
-- Facts#in
select user_id, at from chat_pace where context_id = :context and user_id = any(:users)
;
-- Facts#in
select user_id, kind, until from chat_sanction where context_id = :context and user_id = any(:users)
;
-- Facts#known
select a.n from unnest(:users::uuid[], :ids::text[]) with ordinality as a (user_id, client_id, n)
join chat_entry e
    on e.context_id = :context and e.user_id = a.user_id and e.client_id = a.client_id
;
-- Gradebook#column
select resource, url, label, maximum from lti_line_item where context_id = :context and resource = :resource
;
-- Gradebook#columns
select resource, url, label, maximum from lti_line_item where context_id = :context order by resource limit 1000
;
-- Gradebook#connect
insert into lti_line_item (context_id, resource, logical_shard, url, label, maximum,
    resource_link_id, updated_at)
values (:context, :resource, :logicalShard, :url, :label, :maximum, :link, :now)
on conflict (context_id, resource) do update set url = excluded.url,
    updated_at = excluded.updated_at, label = coalesce(excluded.label, lti_line_item.label), maximum = excluded.maximum,
resource_link_id = coalesce(excluded.resource_link_id, lti_line_item.resource_link_id)
;
-- Gradebook#connect
insert into lti_line_item (context_id, resource, logical_shard, url, label, maximum,
    resource_link_id, updated_at)
values (:context, :resource, :logicalShard, :url, :label, :maximum, :link, :now)
on conflict (context_id, resource) do update set url = excluded.url,
    updated_at = excluded.updated_at, label = lti_line_item.label where lti_line_item.resource_link_id = excluded.resource_link_id
;
-- Gradebook#disconnect
delete from lti_line_item where context_id = :context and resource = :resource
;
-- Gradebook#queue
insert into lti_score (context_id, resource, user_id, logical_shard, score, maximum, activity,
    grading, comment, at, state)
values (:context, :resource, :user, :logicalShard, :score, :maximum, :activity, :grading,
    :comment, :now, 'queued')
on conflict (context_id, resource, user_id) do update set score = excluded.score,
    maximum = excluded.maximum, activity = excluded.activity, grading = excluded.grading,
    comment = excluded.comment, state = 'queued', detail = null,
    at = greatest(excluded.at, lti_score.at + interval '1 millisecond')
;
-- Gradebook#queueAgain
update lti_score set state = 'queued', detail = null
where context_id = :context and resource = :resource and user_id = :user and state = 'refused'
;
-- Gradebook#refuse
update lti_score set state = 'refused', detail = :detail
where context_id = :context and resource = :resource and user_id = :user and state = 'queued'
;
-- Gradebook#score
select resource, user_id, score, maximum, activity, grading, comment, at, state, detail, sent_at from lti_score where context_id = :context and resource = :resource and user_id = :user
;
-- Gradebook#scores
select resource, user_id, score, maximum, activity, grading, comment, at, state, detail, sent_at from lti_score where context_id = :context and resource = :resource and user_id < :before
order by user_id desc limit :limit
;
-- Gradebook#settle
update lti_score set state = :state, detail = :detail,
    sent_at = case when :state = 'sent' then :now::timestamptz else sent_at end
where context_id = :context and resource = :resource and user_id = :user and at = :at
;
-- JobIntake#insert
insert into job (context_id, id, logical_shard, type, kind, lane, score, state, payload, traceparent,
                 created_at, run_at)
select r.context_id, r.id, r.logical_shard, r.type, r.kind, r.lane, r.score, 'waiting', r.payload::jsonb,
       r.traceparent, :now, r.run_at
from unnest(:contexts::uuid[], :ids::uuid[], :logicalShards::int[], :types::text[], :kinds::text[],
            :lanes::text[], :scores::int[], :payloads::text[], :traceparents::text[], :runAts::timestamptz[])
    as r (context_id, id, logical_shard, type, kind, lane, score, payload, traceparent, run_at)
where r.logical_shard in (select logical_shard from owned_shard)
on conflict (context_id, id) do nothing
returning context_id, id
;
-- JobIntake#insert
insert into job (context_id, id, logical_shard, type, kind, lane, score, state, payload, traceparent,
                 created_at, run_at)
values (:context, :id, :logicalShard, :type, :kind, :lane, :score, 'waiting', :payload::jsonb, :traceparent,
        :now, :runAt)
on conflict (context_id, id) do nothing
;
-- JobLeases#beat
update job j set lease_until = :until, percent = r.percent, stage = r.stage, speed = r.speed,
                 seconds_left = r.seconds_left
from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[], :percents::int[], :stages::text[],
            :speeds::real[], :lefts::int[])
    as r (context_id, id, token, percent, stage, speed, seconds_left)
where j.context_id = r.context_id and j.id = r.id and j.lease_token = r.token and j.state = 'running'
  and j.logical_shard in (select logical_shard from owned_shard)
returning j.id, j.cancel_requested
;
-- JobLeases#takeAll
update job j set state = 'running', attempt = j.attempt + 1, lease_token = t.token, lease_until = :until,
                 started_at = :now, percent = 0, stage = null, speed = null, seconds_left = null
from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[]) as t (c, i, token)
where j.context_id = t.c and j.id = t.i
  and (j.state = 'published' or (j.state = 'waiting' and j.run_at <= :now))
  and j.logical_shard in (select logical_shard from owned_shard)
returning lease_token, context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested
;
-- JobLeases#update
update job j set
    state = e.next, lease_token = null, lease_until = null,
    run_at = case when e.next = 'waiting' then :now + e.delay * interval '1 millisecond' else j.run_at end,
    attempt = j.attempt - e.unburned, cause = coalesce(e.why, j.cause),
    percent = case when e.next = 'done' then 100 else 0 end, seconds_left = null,
    finished_at = case when e.next = 'waiting' then null else :now end,
    history = case when e.next = 'done' then j.history
        else jsonb_path_query_array(j.history, '$[last - 18 to last]') || jsonb_build_object(
            'attempt', j.attempt, 'started_at', j.started_at, 'ended_at', :now::timestamptz,
            'outcome', e.outcome, 'cause', e.why) end
from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[], :nexts::text[], :delays::bigint[],
            :unburned::int[], :whys::text[], :outcomes::text[], :lapsed::bool[])
    as e (c, i, token, next, delay, unburned, why, outcome, lapsed)
where j.context_id = e.c and j.id = e.i and j.lease_token = e.token and j.state = 'running'
  and (not e.lapsed or j.lease_until < :now)
  and j.logical_shard in (select logical_shard from owned_shard)
returning context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested
;
-- JobLeases#update
update job j set
    state = e.next, lease_token = null, lease_until = null,
    run_at = case when e.next = 'waiting' then :now + e.delay * interval '1 millisecond' else j.run_at end,
    attempt = j.attempt - e.unburned, cause = coalesce(e.why, j.cause),
    percent = case when e.next = 'done' then 100 else 0 end, seconds_left = null,
    finished_at = case when e.next = 'waiting' then null else :now end,
    history = case when e.next = 'done' then j.history
        else jsonb_path_query_array(j.history, '$[last - 18 to last]') || jsonb_build_object(
            'attempt', j.attempt, 'started_at', j.started_at, 'ended_at', :now::timestamptz,
            'outcome', e.outcome, 'cause', e.why) end
from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[], :nexts::text[], :delays::bigint[],
            :unburned::int[], :whys::text[], :outcomes::text[], :lapsed::bool[])
    as e (c, i, token, next, delay, unburned, why, outcome, lapsed)
where j.context_id = e.c and j.id = e.i and j.lease_token = e.token and j.state = 'running'
  and (not e.lapsed or j.lease_until < :now)
  and j.logical_shard in (select logical_shard from owned_shard)
returning j.id
;
-- JobStore#backlog
select type, lane, count(*) filter (where run_at <= :now) as due, min(run_at) as oldest
from job where state = 'waiting' and logical_shard in (select logical_shard from owned_shard)
group by type, lane
union all
select type, lane, count(*), min(run_at) from job
where state = 'published' and logical_shard in (select logical_shard from owned_shard) group by type, lane
;
-- JobStore#candidates
with recursive courses (context_id, n) as (
    (select context_id, 1 from job where state = 'waiting' and lane = :lane and context_id > :after
     order by context_id limit 1)
    union all
    select (select context_id from job where state = 'waiting' and lane = :lane
            and context_id > c.context_id order by context_id limit 1), n + 1
    from courses c where c.context_id is not null and n < :courses),
best as (select context_id, id, type, score, run_at from job
    where state = 'waiting' and lane = :lane and run_at <= :now and type = any(:types)
        and logical_shard = any(array(select logical_shard from owned_shard))
    order by score desc, run_at, id limit :limit),
oldest as (select context_id, id, type, score, run_at from job
    where state = 'waiting' and lane = :lane and run_at < :overdue and type = any(:types)
        and logical_shard = any(array(select logical_shard from owned_shard))
    order by run_at limit :limit),
heads as (select j.* from courses c cross join lateral (
    select context_id, id, type, score, run_at from job
    where state = 'waiting' and lane = :lane and context_id = c.context_id and run_at <= :now
        and type = any(:types) and logical_shard = any(array(select logical_shard from owned_shard))
    order by score desc, run_at, id limit 3) j
    where c.context_id is not null)
select context_id, id, type, score, run_at from best
union select * from oldest
union select * from heads
union all select context_id, null, null, null, null from courses
    where n = :courses and context_id is not null
;
-- JobStore#claim
update job j set state = 'published', publisher = :node, published_at = :now, urgency = c.urgency
from unnest(:contexts::uuid[], :ids::uuid[], :urgencies::int[]) as c (context_id, id, urgency)
where j.context_id = c.context_id and j.id = c.id and j.state = 'waiting'
  and j.logical_shard in (select logical_shard from owned_shard)
returning j.id
;
-- JobStore#expired
select context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested, lease_token from job
where state = 'running' and lease_until < :now and type = any(:types)
  and logical_shard in (select logical_shard from owned_shard)
order by lease_until limit 100
;
-- JobStore#handBackPublished
update job j set state = 'waiting'
from unnest(:contexts::uuid[], :ids::uuid[]) as c (context_id, id)
where j.context_id = c.context_id and j.id = c.id and j.state = 'published'
  and j.logical_shard in (select logical_shard from owned_shard)
;
-- JobStore#lanes
select l.lane,
       exists(select 1 from job w where w.state = 'waiting' and w.lane = l.lane and w.run_at <= :now
              and w.type = any(:types)
              and w.logical_shard = any(array(select logical_shard from owned_shard))) as waiting,
       count(p.id) as published, coalesce(min(p.urgency), 0) as least
from unnest(:lanes::text[]) as l (lane)
left join job p on p.state = 'published' and p.lane = l.lane and p.publisher = :node
    and p.logical_shard in (select logical_shard from owned_shard)
group by l.lane
;
-- JobStore#purge
delete from job where ctid = any(array(
    select ctid from job where finished_at < :before and finished_at is not null and state <> 'dead'
        and logical_shard in (select logical_shard from owned_shard)
    limit 1000))
;
-- JobStore#resend
update job set state = 'waiting'
where state = 'published' and published_at < :before and type = any(:types)
 and logical_shard in (select logical_shard from owned_shard)
;
-- JobStore#sessionLost
update job set state = 'waiting' where state = 'published' and publisher = :node and logical_shard in (select logical_shard from owned_shard)
;
-- JobStore#stillHeld
update job set published_at = :now where state = 'published' and id = any(:ids)
 and logical_shard in (select logical_shard from owned_shard)
;
-- LegacyAccounts#bring
insert into lti_legacy_id (issuer, consumer_key, kind, legacy_id, lectern_id, noted_at)
values (:issuer, :key, :kind, :legacy, :lectern, :now)
on conflict do nothing
;
-- LegacyAccounts#forget
delete from lti_legacy_key where registration_id = :registration and consumer_key = :key
;
-- LegacyAccounts#keep
insert into lti_legacy_key (registration_id, consumer_key, secret_sealed, created_at)
values (:registration, :key, :sealed, :now)
on conflict (registration_id, consumer_key)
do update set secret_sealed = excluded.secret_sealed
;
-- LegacyAccounts#list
select kind, legacy_id, lectern_id from lti_legacy_id
where issuer = :issuer and consumer_key = :key
  and (kind, legacy_id) > (:kind, :after)
order by kind, legacy_id limit :limit
;
-- LegacyAccounts#secret
select secret_sealed from lti_legacy_key
where registration_id = :registration and consumer_key = :key
;
-- Logins#begin
insert into lti_login (state_digest, nonce_digest, browser_digest, registration_id,
    target_link_uri, deployment_id, storage_target, login_hint, message_hint,
    created_at, expires_at)
values (:state, :nonce, :browser, :registration, :target, :deployment, :storage,
    :hint, :message, :now, :ends)
;
-- Logins#keptByPlatform
select l.storage_target, r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments from lti_login l
join lti_registration r on r.id = l.registration_id
where l.state_digest = :state and l.expires_at > :now
  and l.storage_target is not null
;
-- Logins#removeExpired
delete from lti_login where expires_at < :now
;
-- Logins#take
delete from lti_login l using lti_registration r
where l.state_digest = :state and r.id = l.registration_id
returning l.nonce_digest, l.browser_digest, l.target_link_uri, l.deployment_id,
    l.login_hint, l.message_hint, l.expires_at, r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments
;
-- MentionJob#run
insert into chat_notification (context_id, user_id, seq, logical_shard, at)
select e.context_id, m.user_id, e.seq, e.logical_shard, :now
from chat_entry e
cross join lateral jsonb_array_elements_text(e.detail -> 'mentions') as p (id)
join member m on m.context_id = e.context_id and m.user_id = p.id::uuid
where e.context_id = :context and e.seq = any(:seqs) and e.kind = 'message'
    and m.user_id <> e.user_id
on conflict do nothing
;
-- MoveJournal#execute
update shard_map set physical_shard = ?, epoch = ?, changed_at = now() where logical_shard = ? and epoch < ?
;
-- MoveJournal#execute
update shard_move set changes_applied = changes_applied + ?, updated_at = now() where id = ?
;
-- MoveJournal#execute
update shard_move set failure = ?, updated_at = now() where id = ?
;
-- MoveJournal#execute
update shard_move set rows_copied = ?, updated_at = now() where id = ?
;
-- MoveJournal#execute
update shard_move set state = ?, epoch = (select max(epoch) + 1 from shard_map), updated_at = now() where id = ?
;
-- MoveJournal#execute
update shard_move set state = ?, failure = null, switched_at = now(), updated_at = now(), pause_millis = case when ? >= 0 then ? else pause_millis end where id = ?
;
-- MoveJournal#execute
update shard_move set state = ?, wanted = case when ? then null else wanted end, failure = null, updated_at = now(), finished_at = case when ? then now() end where id = ?
;
-- MoveJournal#execute
update shard_move set tables_done = ?, tables_total = ?, updated_at = now() where id = ?
;
-- MoveJournal#holder
select physical_shard from shard_map where logical_shard = ?
;
-- MoveJournal#read
select logical_shard, source_shard, target_shard, state, wanted, coalesce(epoch, 0), coalesce(switched_at < now() - ? * interval '1 millisecond', true) from shard_move where id = ?
;
-- MoveJournal#wanted
select wanted from shard_move where id = ?
;
-- MoveRun#lockOut
select pg_advisory_xact_lock(19539, -1), pg_advisory_xact_lock(19539, ?)
;
-- MoveRun#migrations
select count(*) from flyway_schema_history
;
-- MoveRun#own
insert into shard_epoch (logical_shard, epoch, owned) values (?, ?, ?) on conflict (logical_shard) do update set epoch = excluded.epoch, owned = excluded.owned
;
-- Mover#locked
select pg_try_advisory_lock(?, ?)
;
-- Mover#owns
select owned from shard_epoch where logical_shard = ?
;
-- MoverLoop#look
select id from shard_move m
where finished_at is null
  and not exists (select from pg_locks l join pg_database d on d.oid = l.database
                  where d.datname = current_database() and l.locktype = 'advisory'
                    and l.classid = :class and l.objid = m.logical_shard)
order by case when state in ('switching', 'returning') then 0
              when state = 'switched' and wanted is null then 2
              else 1 end,
         random()
limit 16
;
-- NodeHealthIndicator#health
select 1
;
-- NoticeController#keep
insert into lti_notice (id, registration_id, notice_id, type, deployment_id,
    lti_context_id, origin_contexts, at, received_at)
values (:id, :registration, :notice, :type, :deployment, :context, :origins, :at, :now)
on conflict (registration_id, notice_id) do nothing
;
-- NoticeController#list
select n.id, r.name, n.type, n.deployment_id, n.lti_context_id, n.origin_contexts, n.at,
    n.received_at
from lti_notice n join lti_registration r on r.id = n.registration_id
where n.id < :before order by n.id desc limit :limit
;
-- NoticeOrderJob#set
insert into lti_notice_handler (registration_id, deployment_id, type, handler, ordered_at)
values (:registration, :deployment, :type, :handler, :now)
on conflict (registration_id, deployment_id, type)
do update set handler = excluded.handler, ordered_at = excluded.ordered_at
;
-- NoticeOrders#known
select count(*) as known from lti_notice_handler
where registration_id = :registration and deployment_id = :deployment
  and type = any(:types) and handler = :handler
;
-- NoticeRetention#removeExpired
delete from lti_notice where received_at < :then
;
-- Participants#context
insert into lti_context (registration_id, deployment_id, kind, lti_id, context_id, title, created_at)
values (:registration, :deployment, :kind, :lti_id, :id, :title, :now)
on conflict (registration_id, deployment_id, kind, lti_id)
do update set title = coalesce(excluded.title, lti_context.title)
returning context_id
;
-- Participants#known
select (select state from lti_deployment
        where registration_id = :registration and deployment_id = :deployment) as deployment,
       (select context_id from lti_context
        where registration_id = :registration and deployment_id = :deployment
          and kind = :kind and lti_id = :lti_id
          and title is not distinct from coalesce(:title, title)) as context_id,
       (select user_id from lti_person
        where issuer = :issuer and subject = :subject) as user_id
;
-- Participants#note
insert into lti_legacy_id (issuer, consumer_key, kind, legacy_id, lectern_id, noted_at)
values (:issuer, :key, :kind, :legacy, :lectern, :now)
on conflict do nothing
;
-- Participants#person
insert into lti_person (issuer, subject, user_id, created_at)
values (:issuer, :subject, :id, :now)
on conflict (issuer, subject) do update set subject = excluded.subject
returning user_id
;
-- Participants#takeOverContext
with old as (
    select i.lectern_id from lti_legacy_id i
    where i.issuer = :issuer and i.consumer_key = :key and i.kind = 'context'
      and i.legacy_id = :legacy
      and not exists (select 1 from lti_context
                      where registration_id = :registration and deployment_id = :deployment
                        and kind = 'context' and lti_id = :context)
      and not exists (select 1 from lti_context c join lti_registration r
                        on r.id = c.registration_id
                      where c.context_id = i.lectern_id and r.issuer <> :issuer)
), moved as (
    update lti_context set registration_id = :registration, deployment_id = :deployment,
        kind = 'context', lti_id = :context
    where context_id in (select lectern_id from old)
    returning context_id
)
insert into lti_context (registration_id, deployment_id, kind, lti_id, context_id, created_at)
select :registration, :deployment, 'context', :context, lectern_id, :now from old
where not exists (select 1 from moved)
on conflict do nothing
;
-- Participants#takeOverPerson
with old as (
    select i.lectern_id from lti_legacy_id i
    where i.issuer = :issuer and i.consumer_key = :key and i.kind = 'user'
      and i.legacy_id = :legacy
      and not exists (select 1 from lti_person where issuer = :issuer and subject = :subject)
      and not exists (select 1 from lti_person p
                      where p.user_id = i.lectern_id and p.issuer <> :issuer)
), moved as (
    update lti_person set subject = :subject where user_id in (select lectern_id from old)
    returning user_id
)
insert into lti_person (issuer, subject, user_id, created_at)
select :issuer, :subject, lectern_id, :now from old
where not exists (select 1 from moved)
on conflict do nothing
;
-- Participation#grade
select m.user_id, least(count(a.id), :messages) * 100.0 / :messages as score
from member m
left join activity a on a.context_id = m.context_id and a.user_id = m.user_id
    and a.verb = 'chatted'
where m.context_id = :context and :student = any(m.roles)
group by m.user_id
having not exists (
    select 1 from lti_score s
    where s.context_id = :context and s.resource = 'participation'
      and s.user_id = m.user_id and s.state in ('queued', 'sent')
      and abs(s.score - least(count(a.id), :messages) * 100.0 / :messages) < 0.005)
;
-- Parts#all
select output_id, made::text as made from video_part where context_id = :context and video_id = :video and output_id is not null order by part
;
-- Parts#done
select 1 from video where context_id = :context and id = :video for no key update
;
-- Parts#done
select count(*) as open from video_part where context_id = :context and video_id = :video and output_id is null
;
-- Parts#done
update video_part set output_id = :output, made = :made::jsonb
where context_id = :context and video_id = :video and part = :part
;
-- Parts#openJobs
select job_id from video_part where context_id = :context and video_id = :video and output_id is null
;
-- Parts#plan
insert into video_part (context_id, video_id, part, logical_shard, job_id)
select :context, :video, share - 1, :logicalShard, job
from unnest(:jobs::uuid[]) with ordinality as asked (job, share)
;
-- PerformanceReader#own
with person as (
    select user_id, day as at, events, chat_messages, video_views, watch_seconds from rollup_person_day
    where context_id = :context and day >= :daysFrom and day < :daysTo
    union all
    select user_id, hour as at, events, chat_messages, video_views, watch_seconds from rollup_person_hour
where context_id = :context
  and ((hour >= :hours1From and hour < :hours1To) or (hour >= :hours2From and hour < :hours2To))
union all
select a.user_id, a.at, 1, (a.verb = 'chatted')::int, (a.verb = 'played')::int, case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
    (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
else 0.0 end
from activity a
where a.context_id = :context
  and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
  and not exists (
    select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)

)
select coalesce(sum(events), 0)::bigint as events, coalesce(sum(chat_messages), 0)::bigint as chat,
       coalesce(sum(video_views), 0)::bigint as video, coalesce(sum(watch_seconds), 0) as seconds
from person where user_id = :user
;
-- PerformanceReader#people
with person as (
    select user_id, day as at, events, chat_messages, video_views, watch_seconds from rollup_person_day
    where context_id = :context and day >= :daysFrom and day < :daysTo
    union all
    select user_id, hour as at, events, chat_messages, video_views, watch_seconds from rollup_person_hour
where context_id = :context
  and ((hour >= :hours1From and hour < :hours1To) or (hour >= :hours2From and hour < :hours2To))
union all
select a.user_id, a.at, 1, (a.verb = 'chatted')::int, (a.verb = 'played')::int, case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
    (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
else 0.0 end
from activity a
where a.context_id = :context
  and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
  and not exists (
    select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)

)
select count(*) as active, count(*) filter (where chat) as chat, count(*) filter (where video) as video
from (select user_id, bool_or(chat_messages > 0) as chat,
             bool_or(video_views > 0 or watch_seconds > 0) as video
      from person group by user_id) p
;
-- PerformanceReader#peopleBy
select day as at, people::bigint as people from rollup_people_day
where context_id = :context and day >= :daysFrom and day < :daysTo
union all
select date_trunc('day', at, 'UTC'), count(distinct user_id) from (select user_id, hour as at, events, chat_messages, video_views, watch_seconds from rollup_person_hour
where context_id = :context
  and ((hour >= :hours1From and hour < :hours1To) or (hour >= :hours2From and hour < :hours2To))
union all
select a.user_id, a.at, 1, (a.verb = 'chatted')::int, (a.verb = 'played')::int, case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
    (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
else 0.0 end
from activity a
where a.context_id = :context
  and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
  and not exists (
    select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)

) around group by 1
;
-- PerformanceReader#peopleBy
select hour as at, people::bigint as people from rollup_people_hour
where context_id = :context and hour >= :wholeFrom and hour < :wholeTo
union all
select date_trunc('hour', a.at, 'UTC'), count(distinct a.user_id)
from activity a
where a.context_id = :context
  and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
  and not exists (
    select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)

group by 1
;
-- PerformanceReader#responses
select bucket, sum(responses)::bigint as responses from response_hour
where context_id = :context and hour >= :responsesFrom and hour < :responsesTo
group by bucket
;
-- PerformanceReader#verbs
with counted as (
    select hour as at, verb, events, seconds from rollup_verb_hour
    where context_id = :context and hour >= :wholeFrom and hour < :wholeTo
    union all
    select a.at, a.verb, 1, case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
    (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
else 0.0 end
    from activity a
where a.context_id = :context
  and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
  and not exists (
    select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)
)
select date_trunc(:bucket, at, 'UTC') as at, verb, sum(events)::bigint as events, sum(seconds) as seconds
from counted group by 1, 2
;
-- PerformanceReader#watermark
select coalesce(
    (select min(recorded_at) from activity_pending where context_id = :context),
    (select rolled_up_to from rollup_state where context_id = :context)) as watermark
;
-- PersonMessageController#ask
insert into lti_privacy_request (id, registration_id, about_subject, asked_by, kind, asked_at)
values (:id, :registration, :subject, :user, :kind, :now)
;
-- PersonMessages#find
select m.about_subject, m.line_item, r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments
from lti_message m join lti_registration r on r.id = m.registration_id
where m.id = :id and m.user_id = :user and m.expires_at > :now
;
-- PersonMessages#keep
with old as (delete from lti_message where expires_at < :now)
insert into lti_message (id, registration_id, context_id, user_id, about_subject,
    line_item, expires_at)
values (:id, :registration, :context, :user, :subject, :item, :ends)
;
-- Positions#find
select seconds from video_position
where context_id = :context and video_id = :video and user_id = :user
;
-- Positions#remember
with before as (
    select updated_at from video_position
    where context_id = :context and video_id = :video and user_id = :user),
written as (
    insert into video_position (context_id, video_id, user_id, logical_shard, seconds, updated_at)
    values (:context, :video, :user, :logicalShard, :seconds, :now)
    on conflict (context_id, video_id, user_id)
    do update set seconds = excluded.seconds, updated_at = excluded.updated_at)
select not exists (select 1 from before where updated_at > :gap) as fresh
;
-- PostgresActivityLog#record
with added as (
    insert into activity (context_id, id, logical_shard, batch_id, user_id, verb, object, at, measures)
    select :context, e.id, :logicalShard, :batch, e.user_id, e.verb, e.object, e.at, e.measures::jsonb
    from unnest(:ids::uuid[], :users::uuid[], :verbs::text[], :objects::text[], :times::timestamptz[],
                :measures::text[]) as e (id, user_id, verb, object, at, measures)
    on conflict (context_id, id) do nothing
    returning 1)
insert into activity_pending (context_id, batch_id, logical_shard, events, recorded_at)
select :context, :batch, :logicalShard, count(*), :now from added having count(*) > 0
;
-- PostgresJobs#change
update job set
    cancel_requested = true,
    state = case when state = 'running' then state else 'cancelled' end,
    finished_at = case when state = 'running' then finished_at else :now end
where context_id = :context and id = :id and state = any(:from)
 returning context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested
;
-- PostgresJobs#change
update job set state = 'discarded', finished_at = :now
where context_id = :context and id = :id and state = any(:from)
 returning context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested
;
-- PostgresJobs#change
update job set state = 'waiting', attempt = 0, percent = 0, stage = null, run_at = :now, finished_at = null,
               cancel_requested = false
where context_id = :context and id = :id and state = 'dead' and state = any(:from)
 returning context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested
;
-- PostgresJobs#find
select context_id, id, type, kind, lane, score, state, attempt, payload::text as payload, percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at, history::text as history, traceparent, cancel_requested from job where context_id = :context and id = :id
;
-- PostgresMembers#find
select context_id, user_id, name, email, roles, section, first_seen, last_seen from member where context_id = :context and user_id = :user
;
-- PostgresMembers#findAll
select context_id, user_id, name, email, roles, section, first_seen, last_seen from member where context_id = :context and user_id = any(:users)
;
-- PostgresMembers#list
select context_id, user_id, name, email, roles, section, first_seen, last_seen from member where context_id = :context and user_id > :after order by user_id limit :limit
;
-- PostgresMembers#upsertAll
insert into member
    (context_id, logical_shard, user_id, name, email, roles, section, first_seen, last_seen)
select :context, :logical, user_id, name, email, string_to_array(roles, ' '), section, first_seen, last_seen
from unnest(:users::uuid[], :names::text[], :emails::text[], :roles::text[], :sections::text[],
    :firsts::timestamptz[], :lasts::timestamptz[])
    as given (user_id, name, email, roles, section, first_seen, last_seen)
on conflict (context_id, user_id) do update set
    name = case when excluded.last_seen >= member.last_seen
        then coalesce(excluded.name, member.name) else coalesce(member.name, excluded.name) end,
    email = case when excluded.last_seen >= member.last_seen
        then coalesce(excluded.email, member.email) else coalesce(member.email, excluded.email) end,
    section = case when excluded.last_seen >= member.last_seen
        then coalesce(excluded.section, member.section) else coalesce(member.section, excluded.section) end,
    roles = case when excluded.last_seen >= member.last_seen then excluded.roles else member.roles end,
    first_seen = least(member.first_seen, excluded.first_seen),
    last_seen = greatest(member.last_seen, excluded.last_seen)
;
-- PostgresShards#changes
select logical_shard, epoch from shard_epoch where epoch > $1 union all select -1::smallint, max(epoch) from shard_epoch
;
-- PrivacyDesk#find
select q.id, r.name, r.issuer, q.about_subject, p.user_id, q.asked_by, q.kind, q.asked_at, q.settled_at,
    q.settled_by, q.outcome, q.note
from lti_privacy_request q
join lti_registration r on r.id = q.registration_id
left join lti_person p on p.issuer = r.issuer and p.subject = q.about_subject
where q.id = :id
;
-- PrivacyDesk#list
select q.id, r.name, r.issuer, q.about_subject, p.user_id, q.asked_by, q.kind, q.asked_at, q.settled_at,
    q.settled_by, q.outcome, q.note
from lti_privacy_request q
join lti_registration r on r.id = q.registration_id
left join lti_person p on p.issuer = r.issuer and p.subject = q.about_subject
where q.id < :before and q.settled_at is null order by q.id desc limit :limit
;
-- PrivacyDesk#list
select q.id, r.name, r.issuer, q.about_subject, p.user_id, q.asked_by, q.kind, q.asked_at, q.settled_at,
    q.settled_by, q.outcome, q.note
from lti_privacy_request q
join lti_registration r on r.id = q.registration_id
left join lti_person p on p.issuer = r.issuer and p.subject = q.about_subject
where q.id < :before order by q.id desc limit :limit
;
-- PrivacyDesk#settle
update lti_privacy_request
set settled_at = :now, settled_by = :by, outcome = :outcome, note = :note
where id = :id and settled_at is null
returning registration_id, kind
;
-- RegistrationDesk#change
update lti_registration set name = :name, authorization_endpoint = :authorization,
    token_endpoint = :token, token_audience = nullif(:audience, ''), jwks_uri = :jwks, trusted_addresses = :trusted,
    operators = :operators, anonymous_launches = :anonymous,
    pending_deployments = :pending, updated_at = :now
where id = :id
;
-- RegistrationDesk#create
insert into lti_registration (id, issuer, client_id, name, authorization_endpoint,
    token_endpoint, token_audience, jwks_uri, trusted_addresses, operators, anonymous_launches,
    pending_deployments, source, created_at, updated_at)
values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, :trusted,
    :operators, :anonymous, :pending, 'api', :now, :now)
;
-- RegistrationDesk#decide
update lti_registration set approval = :approval, updated_at = :now where id = :id
;
-- RegistrationDesk#decided
insert into lti_deployment (registration_id, deployment_id, state, first_seen_at)
values (:id, :deployment, :state, :now)
on conflict (registration_id, deployment_id) do update set state = excluded.state
;
-- RegistrationDesk#delete
delete from lti_deployment where registration_id = :id
;
-- RegistrationDesk#delete
delete from lti_registration where id = :id
;
-- RegistrationDesk#deployments
select deployment_id, state, first_seen_at from lti_deployment
where registration_id = :id
order by first_seen_at desc, deployment_id limit :limit
;
-- RegistrationDesk#endSessions
select context_id from lti_context
where registration_id = :id and deployment_id = :deployment
;
-- RegistrationDesk#found
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments, r.source, r.operator_paused, r.created_at, r.updated_at,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'active') as active,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'pending') as pending
from lti_registration r where r.id = :id
;
-- RegistrationDesk#found
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments, r.source, r.operator_paused, r.created_at, r.updated_at,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'active') as active,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'pending') as pending
from lti_registration r where r.id = :id for update of r
;
-- RegistrationDesk#list
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments, r.source, r.operator_paused, r.created_at, r.updated_at,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'active') as active,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'pending') as pending
from lti_registration r  order by r.id desc limit :limit
;
-- RegistrationDesk#list
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments, r.source, r.operator_paused, r.created_at, r.updated_at,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'active') as active,
(select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'pending') as pending
from lti_registration r where r.id < :before order by r.id desc limit :limit
;
-- RegistrationDesk#pause
update lti_registration set operator_paused = :paused, updated_at = :now where id = :id
;
-- RegistrationDesk#request
insert into lti_registration (id, issuer, client_id, name, authorization_endpoint,
    token_endpoint, token_audience, jwks_uri, trusted_addresses, pending_deployments, source, approval,
    requested_from, created_at, updated_at)
values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, :trusted, true,
    'dynamic', 'pending', :from, :now, :now)
;
-- RegistrationDesk#requireRoomForRequests
select count(*) < :limit
    and count(*) filter (where requested_from = :host) < :limitOfHost as room
from lti_registration where approval = 'pending'
;
-- RegistrationTokens#removeExpired
delete from lti_registration_token where used_at < :then
;
-- RegistrationTokens#take
insert into lti_registration_token (digest, used_at) values (:digest, :now) on conflict do nothing
;
-- Registrations#activate
insert into lti_deployment (registration_id, deployment_id, state, first_seen_at)
values (:registration, :deployment, 'active', :now)
on conflict (registration_id, deployment_id) do update set state = 'active'
;
-- Registrations#claimTokens
update lti_registration set token_endpoint = null, updated_at = :now
where client_id = :client and issuer <> :issuer and token_origin = lti_token_origin(:token)
returning issuer
;
-- Registrations#find
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments from lti_registration r where r.issuer = :issuer and r.client_id = :client
;
-- Registrations#isActive
select exists (select from lti_deployment where registration_id = :registration
               and deployment_id = :deployment and state = 'active') as active
;
-- Registrations#notePending
insert into lti_deployment (registration_id, deployment_id, state, first_seen_at)
select :registration, :deployment, 'pending', :now
where (select count(*) from lti_deployment
       where registration_id = :registration and state = 'pending') < 1000
on conflict do nothing
;
-- Registrations#ofIssuer
select r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments from lti_registration r where r.issuer = :issuer
order by r.approval = 'approved' desc, r.client_id limit 2
;
-- Registrations#upsert
insert into lti_registration as r (id, issuer, client_id, name, authorization_endpoint,
    token_endpoint, token_audience, jwks_uri, trusted_addresses, paused, operators, anonymous_launches,
    pending_deployments, source, created_at, updated_at)
values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, true, :paused, :operators,
    :anonymous, :pending, :source, :now, :now)
on conflict (issuer, client_id) do update set name = excluded.name,
    authorization_endpoint = excluded.authorization_endpoint,
    token_endpoint = excluded.token_endpoint, token_audience = excluded.token_audience,
    jwks_uri = excluded.jwks_uri,
    trusted_addresses = true, paused = excluded.paused, operators = excluded.operators,
    anonymous_launches = excluded.anonymous_launches,
    pending_deployments = excluded.pending_deployments, source = excluded.source,
    approval = 'approved',
    updated_at = excluded.updated_at
returning r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments
;
-- Replicas#available
insert into video_replica (context_id, video_id, region, logical_shard, output_id, since)
select :context, :video, :region, :logicalShard, :output, :now
where exists (select 1 from video where context_id = :context and id = :video)
on conflict (context_id, video_id, region)
do update set output_id = excluded.output_id, since = excluded.since
;
-- Replicas#of
select region, output_id from video_replica where context_id = :context and video_id = :video
;
-- RollupScheduler#request
insert into rollup_state as s (context_id, logical_shard, job_id, requested_at)
values (:context, :logicalShard, :job, :now)
on conflict (context_id) do update set job_id = excluded.job_id, requested_at = excluded.requested_at
where s.job_id is null or s.requested_at < :stale
;
-- RollupScheduler#sweep
select distinct p.context_id from activity_pending p
left join rollup_state s on s.context_id = p.context_id
where (s.job_id is null or s.requested_at < :stale)
  and p.logical_shard in (select logical_shard from owned_shard)
limit :limit
;
-- Rollups#count
insert into rollup_state (context_id, logical_shard, requested_at) values (:context, :logicalShard, :now)
on conflict (context_id) do update set logical_shard = excluded.logical_shard
;
-- Rollups#count
update rollup_state set
    job_id = case when job_id = :job then null else job_id end,
    rolled_up_to = coalesce(
        (select min(recorded_at) from activity_pending where context_id = :context), :now)
where context_id = :context
;
-- Rollups#count
with waiting as (
    select batch_id, sum(events) over (order by batch_id) - events as before
    from activity_pending where context_id = :context order by batch_id limit 5000),
taken as (
    delete from activity_pending p using waiting w
    where p.context_id = :context and p.batch_id = w.batch_id and w.before < :events
    returning p.batch_id),
event as (
    select a.user_id, a.verb, date_trunc('hour', a.at, 'UTC') as hour, date_trunc('day', a.at, 'UTC') as day,
           case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
    (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
else 0.0 end as seconds
    from activity a where a.context_id = :context and a.batch_id in (select batch_id from taken)),
verbs as (
    insert into rollup_verb_hour as r (context_id, hour, verb, logical_shard, events, seconds)
    select :context, hour, verb, :logicalShard, count(*), sum(seconds)
    from event group by hour, verb order by hour, verb
    on conflict (context_id, hour, verb)
    do update set events = r.events + excluded.events, seconds = r.seconds + excluded.seconds),
people as (
    insert into rollup_people_hour as r (context_id, hour, logical_shard, people)
    select :context, hour, :logicalShard, count(distinct user_id) from event e
    where not exists (
        select 1 from rollup_person_hour p
        where p.context_id = :context and p.hour = e.hour and p.user_id = e.user_id)
    group by hour order by hour
    on conflict (context_id, hour) do update set people = r.people + excluded.people),
people_of_day as (
    insert into rollup_people_day as r (context_id, day, logical_shard, people)
    select :context, day, :logicalShard, count(distinct user_id) from event e
    where not exists (
        select 1 from rollup_person_day p
        where p.context_id = :context and p.day = e.day and p.user_id = e.user_id)
    group by day order by day
    on conflict (context_id, day) do update set people = r.people + excluded.people),
person_hours as (
    insert into rollup_person_hour as r
        (context_id, hour, user_id, logical_shard, events, chat_messages, video_views, watch_seconds)
    select :context, hour, user_id, :logicalShard, count(*), count(*) filter (where verb = 'chatted'),
           count(*) filter (where verb = 'played'), sum(seconds)
    from event group by hour, user_id order by hour, user_id
    on conflict (context_id, hour, user_id)
    do update set events = r.events + excluded.events,
        chat_messages = r.chat_messages + excluded.chat_messages,
        video_views = r.video_views + excluded.video_views,
        watch_seconds = r.watch_seconds + excluded.watch_seconds),
person_days as (
    insert into rollup_person_day as r
        (context_id, day, user_id, logical_shard, events, chat_messages, video_views, watch_seconds)
    select :context, day, user_id, :logicalShard, count(*), count(*) filter (where verb = 'chatted'),
           count(*) filter (where verb = 'played'), sum(seconds)
    from event group by day, user_id order by day, user_id
    on conflict (context_id, day, user_id)
    do update set events = r.events + excluded.events,
        chat_messages = r.chat_messages + excluded.chat_messages,
        video_views = r.video_views + excluded.video_views,
        watch_seconds = r.watch_seconds + excluded.watch_seconds)
select count(*) as counted from event
;
-- Rollups#giveUp
update rollup_state set job_id = null where context_id = :context and job_id = :job
;
-- RoomHistory#audit
select id, user_id, user_name, action, subject, target, detail::text as detail, at from chat_audit
where context_id = :context and id < :before order by id desc limit :limit
;
-- RoomHistory#members
select user_id, name from member
where context_id = :context and name is not null
    and (lower(name collate "und-x-icu") like :begins
        or lower(name collate "und-x-icu") like :within)
order by name, user_id limit :limit
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.pinned_at is not null and m.seq < :seq order by m.seq desc limit :limit
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.seq < :seq order by m.seq desc limit :limit
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.seq = :seq
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.seq > :seq order by m.seq limit :limit
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.seq in (select n.seq from chat_notification n where n.context_id = :context and n.user_id = :me) and m.seq < :seq order by m.seq desc limit :limit
;
-- RoomHistory#messages
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
from chat_entry m
where m.context_id = :context and m.kind = 'message'
 and m.target = :root and m.seq < :seq order by m.seq desc limit :limit
;
-- RoomHistory#sanctions
select s.user_id, m.name, s.kind, s.until, s.reason, s.by_user, s.at
from chat_sanction s left join member m on m.context_id = s.context_id and m.user_id = s.user_id
where s.context_id = :context and (s.until is null or s.until > :now)
order by s.at desc, s.user_id limit 1000
;
-- RoomHistory#search
select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
       m.deleted_at, m.at, m.pinned_at is not null as pinned,
       (select head from chat_room r where r.context_id = m.context_id) as as_of,
       (select count(*) from chat_entry r
        where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
            and r.deleted_at is null) as replies,
       (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
        from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
              from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
              group by emoji) as each) as reactions
, ts_headline('simple', translate(m.text, chr(1) || chr(2), ''), query,
              'MaxFragments=1, MinWords=8, MaxWords=30, StartSel=' || chr(1) || ', StopSel='
                  || chr(2)) as excerpt
from chat_entry m, websearch_to_tsquery('simple', :words) as query
where m.context_id = :context and m.kind = 'message'
 and m.text is not null and to_tsvector('simple', m.text) @@ query and m.seq < :seq order by m.seq desc limit :limit
;
-- RoomHistory#view
select r.slow_seconds, coalesce(r.announce, false) as announce, coalesce(r.head, 0) as head,
       coalesce(m.seq, 0) as read, s.kind is not null as muted, s.until as muted_until,
       (select count(*) from (select from chat_entry e
            where e.context_id = :context and e.seq > coalesce(m.seq, 0) and e.kind = 'message'
                and e.user_id <> :me and e.deleted_at is null limit 1000) as new) as unread,
       (select count(*) from chat_notification n
            where n.context_id = :context and n.user_id = :me
                and n.seq > coalesce(m.seq, 0)) as mentions,
       (select count(*) from chat_entry p
            where p.context_id = :context and p.pinned_at is not null) as pins
from (values (1)) as one (row)
left join chat_room r on r.context_id = :context
left join chat_read m on m.context_id = :context and m.user_id = :me
left join chat_sanction s on s.context_id = :context and s.user_id = :me and s.kind = 'mute'
    and (s.until is null or s.until > :now)
;
-- RoomLog#after
select seq, kind, client_id, user_id, user_name, target, text, detail::text as detail, edited_at, deleted_at, at
from chat_entry
 where context_id = :context and seq > :seq order by seq limit :limit
;
-- RoomLog#entrance
select coalesce((select seq from chat_read
                 where context_id = :context and user_id = :user), 0) as read,
    exists (select from chat_sanction
            where context_id = :context and user_id = :user and kind = 'ban'
                and (until is null or until > :now)) as banned
;
-- RoomLog#head
select epoch, head from chat_room where context_id = :context
;
-- RoomLog#heads
select context_id, epoch, head from chat_room where context_id = any(:contexts)
;
-- RoomLog#insert
with asked as (
    select a.* from unnest(:ids::text[], :users::uuid[], :names::text[], :kinds::text[], :targets::bigint[],
                           :texts::text[], :details::text[], :prints::uuid[], :times::timestamptz[])
        with ordinality
        as a (client_id, user_id, user_name, kind, target, text, detail, fingerprint, at, n)),
known as (
    select a.n, e.seq, coalesce(e.kind = a.kind and e.fingerprint = a.fingerprint, true) as same
    from asked a join chat_entry e
        on e.context_id = :context and e.user_id = a.user_id and e.client_id = a.client_id),
fresh as (
    select a.*, :head + row_number() over (order by a.n) as seq
    from asked a where a.n not in (select n from known)),
added as (
    insert into chat_entry (context_id, seq, logical_shard, kind, client_id, user_id, user_name, target, text,
                            detail, fingerprint, at)
    select :context, seq, :logicalShard, kind, client_id, user_id, user_name, target, text, detail::jsonb,
           fingerprint, at
    from fresh),
moved as (
    update chat_room set head = :head + (select count(*) from fresh)
    where context_id = :context and exists (select from fresh))
select n, seq, false as before, true as same from fresh
union all select n, seq, true, same from known
order by n
;
-- RoomLog#lock
insert into chat_room (context_id, logical_shard, epoch, created_at)
values (:context, :logicalShard, :epoch, :now) on conflict (context_id) do nothing
;
-- RoomLog#lock
select epoch, head, slow_seconds, announce, guarded from chat_room
where context_id = :context for update
;
-- RoomLog#markRead
insert into chat_read as known (context_id, user_id, logical_shard, seq, at)
select :context, m.user_id, :logicalShard, least(m.seq, r.head), :now
from unnest(:users::uuid[], :seqs::bigint[]) as m (user_id, seq)
join chat_room r on r.context_id = :context
on conflict (context_id, user_id) do update set seq = excluded.seq, at = excluded.at
where known.seq < excluded.seq
;
-- RoomLog#mentions
select user_id, lower(name collate "und-x-icu") as name from member
where context_id = :context and lower(name collate "und-x-icu") = any(:names)
;
-- RoomShards#scale
update chat_room set shards = :shards where context_id = :context returning shards::integer as shards
;
-- Rosters#find
select differences_url, members, synced_at from lti_roster where context_id = :context
;
-- Rosters#note
insert into lti_roster (context_id, logical_shard, differences_url, members, synced_at)
values (:context, :logicalShard, :differences, :members, :now)
on conflict (context_id) do update set
    differences_url = coalesce(excluded.differences_url,
        case when :changes then lti_roster.differences_url end),
    members = case when :changes then lti_roster.members else excluded.members end,
    synced_at = excluded.synced_at
;
-- Seats#confirm
update chat_seat set seen_at = :now where node_id = :node and logical_shard in (select logical_shard from owned_shard)
;
-- Seats#write
delete from chat_seat where context_id = :context and shard = :shard and node_id = :node
;
-- Seats#write
insert into chat_seat
    (context_id, shard, node_id, logical_shard, sockets, seen_at)
values (:context, :shard, :node, :logicalShard, :sockets, :now)
on conflict (context_id, shard, node_id)
do update set sockets = excluded.sockets, seen_at = excluded.seen_at
;
-- ServerMonitor#position
select ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::bigint as timeline,
       (lsn - '0/0'::pg_lsn)::bigint as position
from pg_current_wal_insert_lsn() as lsn
;
-- ServerMonitor#position
select coalesce((select received_tli from pg_stat_wal_receiver),
                (select timeline_id from pg_control_checkpoint()))::bigint as timeline,
       (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint as position
where pg_is_in_recovery()
;
-- Sessions#end
delete from session where id = :id
;
-- Sessions#endIn
delete from session where registration_id = :registration and context_id = any(:contexts)
returning id
;
-- Sessions#endOf
delete from session where registration_id = :registration and operator returning id
;
-- Sessions#endOf
delete from session where registration_id = :registration returning id
;
-- Sessions#exchange
with code as (
    delete from session_code where code_digest = :code returning session_id, expires_at
)
update session set token_digest = :token
from code
where session.id = code.session_id and code.expires_at > :now
  and session.token_digest is null and session.expires_at > :now
returning session.id, session.user_id, session.name, session.context_id, session.context_title, session.roles, session.operator, session.target, session.item, session.expires_at
;
-- Sessions#find
select session.id, session.user_id, session.name, session.context_id, session.context_title, session.roles, session.operator, session.target, session.item, session.expires_at from session where token_digest = :token
;
-- Sessions#insert
insert into session (id, token_digest, user_id, name, context_id, context_title, roles,
                     operator, target, item, registration_id, created_at, expires_at)
values (:id, :token, :user, :name, :context, :title, :roles, :operator, :target, :item,
        :registration, :now, :ends)
;
-- Sessions#openWithCode
insert into session_code (code_digest, session_id, expires_at) values (:code, :id, :ends)
;
-- Sessions#place
select target, item from session where id = :id
;
-- Sessions#removeExpired
delete from session where expires_at < :now
;
-- Sessions#removeExpired
delete from session_code where expires_at < :now
;
-- ShardCopier#carryOver
select distinct table_name from shard_move_change where logical_shard = 1 and id between 1 and 1
;
-- ShardCopier#carryOverSeen
delete from shard_move_change where logical_shard = 1 and id between 1 and 1
;
-- ShardCopier#seen
select id from shard_move_change where logical_shard = 1 order by id
;
-- ShardCopier#stopRecording
delete from shard_move_change where logical_shard = 1
;
-- ShardCopier#stopRecording
select distinct quote_ident(c.relname) from pg_trigger t join pg_class c on c.oid = t.tgrelid where t.tgname in (?, ?)
;
-- ShardMapTable#introduce
insert into shard_epoch (logical_shard, epoch, owned) select number, :epoch, true from unnest(:first::int[]) as number on conflict (logical_shard) do nothing
;
-- ShardMapTable#introduce
insert into shard_identity (installation, physical_shard) values (:installation, :shard) on conflict (singleton) do nothing
;
-- ShardMapTable#introduce
select installation, physical_shard from shard_identity
;
-- ShardMapTable#prepare
insert into installation (id, logical_shards) values (gen_random_uuid(), :shards) on conflict (singleton) do nothing
;
-- ShardMapTable#prepare
insert into shard_map (logical_shard, physical_shard, epoch) select number, number % :physical, :epoch from generate_series(0, :logical - 1) as number where not exists (select from shard_map)
;
-- ShardMapTable#prepare
select id, logical_shards from installation
;
-- ShardMapTable#prepare
select pg_advisory_xact_lock(19539, 0)
;
-- ShardMapTable#rows
select logical_shard, physical_shard, epoch from shard_map
;
-- ShardMoves#find
select id, logical_shard, source_shard, target_shard, state, wanted, epoch, tables_done, tables_total, rows_copied, changes_applied, pause_millis, failure, requested_by, requested_at, switched_at, finished_at from shard_move where id = :id
;
-- ShardMoves#insert
insert into shard_move (id, logical_shard, source_shard, target_shard, requested_by) values (:id, :logical, :source, :target, :by)
;
-- ShardMoves#list
select id, logical_shard, source_shard, target_shard, state, wanted, epoch, tables_done, tables_total, rows_copied, changes_applied, pause_millis, failure, requested_by, requested_at, switched_at, finished_at from shard_move order by requested_at desc, id desc limit :limit
;
-- ShardMoves#list
select id, logical_shard, source_shard, target_shard, state, wanted, epoch, tables_done, tables_total, rows_copied, changes_applied, pause_millis, failure, requested_by, requested_at, switched_at, finished_at from shard_move where (requested_at, id) < (select requested_at, id from shard_move where id = :before) order by requested_at desc, id desc limit :limit
;
-- ShardMoves#noted
insert into shard_move_request (move_id, what, by_whom) values (:id, :what, :by)
;
-- ShardMoves#open
select id, logical_shard, source_shard, target_shard, state, wanted, epoch, tables_done, tables_total, rows_copied, changes_applied, pause_millis, failure, requested_by, requested_at, switched_at, finished_at from shard_move where logical_shard = :logical and finished_at is null
;
-- ShardMoves#requests
select at, what, by_whom from shard_move_request where move_id = :id order by at limit 200
;
-- ShardMoves#source
select physical_shard from shard_map where logical_shard = :logical
;
-- ShardMoves#wish
update shard_move set wanted = :wanted, updated_at = now() where id = :id and finished_at is null
;
-- ShardResponseTimes#write
insert into response_hour (context_id, hour, bucket, logical_shard, responses)
select :context, :hour, b.bucket, :logicalShard, b.responses
from unnest(:buckets::smallint[], :responses::bigint[]) as b (bucket, responses)
on conflict (context_id, hour, bucket)
do update set responses = response_hour.responses + excluded.responses
;
-- ShardTables#of
select c.relname as name,
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
             order by a.attname) as columns,
       array(select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attname) as shape,
       array(select a.attname::text from pg_constraint k, unnest(k.conkey) with ordinality as p (attnum, place)
             join pg_attribute a on a.attnum = p.attnum
             where k.conrelid = c.oid and k.contype = 'p' and a.attrelid = c.oid order by p.place) as key,
       array(select distinct f.confrelid::regclass::text from pg_constraint f
             where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as parents,
       exists (select from pg_constraint f where f.confrelid = c.oid and f.contype = 'f') as referred,
       exists (select from pg_attribute a left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')) as counted
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname
;
-- SignalHistory#append
insert into signal (kind, subject, at, value)
select s.kind, s.subject, s.at, s.value
from unnest(:kinds::text[], :subjects::text[], :times::timestamptz[], :values::double precision[])
    as s (kind, subject, at, value)
on conflict do nothing
;
-- SignalHistory#prune
delete from signal where ctid = any (array(
    select ctid from signal where at < :before order by at limit :limit))
;
-- SignalHistory#series
select kind, subject, date_bin(make_interval(secs => :step), at, timestamptz 'epoch') as bin,
       avg(value) as mean, max(value) as most
from signal
where at >= :since and (:kind = '' or kind = :kind)
group by kind, subject, bin order by kind, subject, bin
;
-- SignalHistory#since
select kind, subject, at, value from signal where at >= :since
;
-- Subjects#subjects
select subject, user_id from lti_person where issuer = :issuer and user_id = any(:users)
;
-- Subjects#user
select user_id from lti_person where issuer = :issuer and subject = :subject
;
-- Subjects#users
insert into lti_person (issuer, subject, user_id, created_at)
select :issuer, subject, user_id, :now
from unnest(:subjects::text[], :fresh::uuid[]) as given (subject, user_id)
on conflict (issuer, subject) do nothing
;
-- Subjects#users
select subject, user_id from lti_person where issuer = :issuer and subject = any(:subjects)
;
-- Tickets#consume
delete from chat_ticket where context_id = :context and digest = decode(:digest, 'base64')
returning session_id, user_id, user_name, roles, session_expires_at, shard, expires_at
;
-- Tickets#consume
insert into chat_seat as s
    (context_id, shard, node_id, logical_shard, sockets, seen_at)
values (:context, :shard, :node, :logicalShard, 1, :now)
on conflict (context_id, shard, node_id)
do update set sockets = s.sockets + 1, seen_at = excluded.seen_at
;
-- Tickets#issue
delete from chat_ticket where context_id = :context and expires_at < :now
;
-- Tickets#issue
select r.shards, coalesce(s.shard, 0) as shard, coalesce(sum(s.taken), 0) as taken
from chat_room r left join (
    select shard, sockets as taken from chat_seat
    where context_id = :context and seen_at > :valid
    union all
    select shard, 1 from chat_ticket where context_id = :context) s on true
where r.context_id = :context
group by r.shards, s.shard
;
-- Tickets#seat
insert into chat_ticket (context_id, digest, logical_shard, session_id, user_id, user_name,
    roles, session_expires_at, shard, expires_at)
select :context, decode(t.digest, 'base64'), :logicalShard, t.session_id, t.user_id, t.user_name,
    t.roles, t.session_expires_at, t.shard, :expires
from unnest(:digests::text[], :sessions::uuid[], :users::uuid[], :names::text[], :roles::text[],
            :ends::timestamptz[], :shards::smallint[])
    as t (digest, session_id, user_id, user_name, roles, session_expires_at, shard)
;
-- Tickets#seat
update chat_room set shards = :shards where context_id = :context
;
-- ToolKeys#insert
insert into lti_tool_key (kid, public_jwk, private_sealed, created_at, signs_from)
values (:kid, :public, :sealed, :now, :from)
;
-- ToolKeys#insert
update lti_tool_key set published_until = :until where published_until is null
;
-- ToolKeys#locked
select pg_advisory_xact_lock(:lock)
;
-- ToolKeys#look
select kid, private_sealed, signs_from, published_until from lti_tool_key
where published_until is null or published_until > :now
order by signs_from
;
-- ToolKeys#newest
select max(signs_from) as newest from lti_tool_key having max(signs_from) is not null
;
-- Videos#chapters
update video set chapters = :chapters::jsonb, updated_at = :now where context_id = :context and id = :id
;
-- Videos#delete
delete from video where context_id = :context and id = :id returning context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
;
-- Videos#deleteExpired
delete from video where context_id = :context and id = :id and state = 'uploading' and upload_expires <= :now returning context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
;
-- Videos#deleteUpload
delete from video where context_id = :context and id = :id and state = 'uploading'
;
-- Videos#find
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and id = :id
;
-- Videos#improve
update video set output_id = :output, renditions = :renditions::jsonb, output_bytes = :bytes, updated_at = :now where context_id = :context and id = :id and state = 'ready'
;
-- Videos#insert
insert into video (context_id, id, logical_shard, uploader_id, title, filename, state, by_instructor,
                   live, size_bytes, upload_metadata, upload_concat, upload_expires, created_at,
                   updated_at)
values (:context, :id, :logicalShard, :uploader, :title, :filename, 'uploading', :instructor,
        :live, :size, :metadata, :concat, :expires, :now, :now)
;
-- Videos#list
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and id < :before and upload_concat is distinct from 'partial' and state = any(:visible) order by id desc limit :limit
;
-- Videos#list
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and id < :before and upload_concat is distinct from 'partial' order by id desc limit :limit
;
-- Videos#list
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and upload_concat is distinct from 'partial' and state = any(:visible) order by id desc limit :limit
;
-- Videos#list
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and upload_concat is distinct from 'partial' order by id desc limit :limit
;
-- Videos#lock
select context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
upload_metadata, upload_concat, upload_expires, duration_millis, job_id, content_id, output_id, renditions::text as renditions, has_poster,
chapters::text as chapters, error_code, error_detail, created_at
 from video where context_id = :context and id = :id for key share
;
-- Videos#lockCourse
select pg_advisory_xact_lock(hashtextextended('lectern.video.course ' || :context, 0))
;
-- Videos#move
update video set state = :to, updated_at = :now, error_code = :code, error_detail = :detail where context_id = :context and id = :id and state = any(:from)
;
-- Videos#move
update video set state = :to, updated_at = :now, error_code = null, error_detail = null where context_id = :context and id = :id and state = any(:from)
;
-- Videos#move
update video set state = :to, updated_at = :now, job_id = :job, received_bytes = size_bytes, error_code = null, error_detail = null where context_id = :context and id = :id and state = any(:from)
;
-- Videos#move
update video set state = :to, updated_at = :now, output_id = :output, renditions = :renditions::jsonb, has_poster = :poster, output_bytes = :bytes where context_id = :context and id = :id and state = any(:from)
;
-- Videos#openUploads
select count(*) as open from video where context_id = :context and state = 'uploading'
;
-- Videos#probed
update video set duration_millis = :duration, width = :width, height = :height
where context_id = :context and id = :id
;
-- Videos#received
update video set received_bytes = :bytes, upload_expires = :expires, updated_at = :now
where context_id = :context and id = :id and state = 'uploading'
;
-- Videos#storedBytes
with kept as (select * from video where context_id = :context and state <> 'rejected')
select (select count(*) from kept) as videos,
       (select coalesce(sum(size_bytes), 0)::bigint from
           (select distinct on (coalesce(content_id, id)) size_bytes from kept) as source) as sources,
       (select coalesce(sum(output_bytes), 0)::bigint from
           (select distinct on (coalesce(output_id, id)) output_bytes from kept) as output) as outputs
;
-- Videos#takeParts
delete from video where context_id = :context and id = any(:parts) and state = 'uploading' and upload_concat = 'partial'
;
-- Videos#usage
with kept as (select * from video where context_id = :context and state <> 'rejected')
select (select count(*) from kept) as videos,
       (select coalesce(sum(size_bytes), 0)::bigint from
           (select distinct on (coalesce(content_id, id)) size_bytes from kept) as source) as sources,
       (select coalesce(sum(output_bytes), 0)::bigint from
           (select distinct on (coalesce(output_id, id)) output_bytes from kept) as output) as outputs
;
-- WaitingRegistrations#removeExpired
delete from lti_deployment where registration_id = any(:ids)
;
-- WaitingRegistrations#removeExpired
delete from lti_registration where id = any(:ids)
;
-- WaitingRegistrations#removeExpired
select id from lti_registration
where approval = 'pending' and source = 'dynamic' and created_at < :then
order by id limit 1000 for update
;
-- WatchedGrades#seen
with graded as (
    select v.duration_millis from video v
    join lti_line_item i on i.context_id = v.context_id and i.resource = :resource
    where v.context_id = :context and v.id = :video and v.duration_millis > 0),
before as (
    select seconds from lti_watched
    where context_id = :context and video_id = :video and user_id = :user for update),
after as (
    insert into lti_watched (context_id, video_id, user_id, logical_shard, seconds)
    select :context, :video, :user, :logicalShard, int4multirange(int4range(:from, :to)) from graded
    on conflict (context_id, video_id, user_id)
    do update set seconds = lti_watched.seconds + excluded.seconds
    returning seconds)
select (select coalesce(sum(upper(r) - lower(r)), 0) from before, unnest(before.seconds) r)::float8
           / ceil(graded.duration_millis / 1000.0) as share_before,
       (select coalesce(sum(upper(r) - lower(r)), 0) from after, unnest(after.seconds) r)::float8
           / ceil(graded.duration_millis / 1000.0) as share_after
from graded
;
