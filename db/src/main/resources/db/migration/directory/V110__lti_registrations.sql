-- A registration that a platform asked for itself waits until an operator has approved it. A pause by an operator is kept
-- apart from the configuration's, or the next start would undo it.
alter table lti_registration
    add column approval text not null default 'approved' check (approval in ('pending', 'approved', 'denied')),
    add column operator_paused boolean not null default false;
create index lti_registration_waiting on lti_registration (id) where approval = 'pending';

-- Who changed what. No foreign key: it outlives the registration.
create table lti_audit (
    id              uuid primary key,      -- UUIDv7: newest first by id
    at              timestamptz not null,
    actor           text not null,
    action          text not null,
    registration_id uuid,
    detail          text not null
);
create index lti_audit_registration on lti_audit (registration_id, id);

-- Tokens of dynamic registration that were used, as digests: each registers once.
create table lti_registration_token (
    digest  bytea primary key,
    used_at timestamptz not null
);
create index lti_registration_token_used on lti_registration_token (used_at);

-- LTI 1.1: the consumer keys that a platform's launches may vouch for, their secrets sealed as the tool's keys are.
create table lti_legacy_key (
    registration_id uuid not null references lti_registration (id) on delete cascade,
    consumer_key    varchar(255) not null,
    secret_sealed   bytea not null,
    created_at      timestamptz not null,
    primary key (registration_id, consumer_key)
);

-- LTI 1.1: what a user or context was called under a consumer key, and Lectern's id for it. Imported by an operator, or
-- noted at a launch whose signature was right.
create table lti_legacy_id (
    issuer       varchar(512) not null,
    consumer_key varchar(255) not null,
    kind         text not null check (kind in ('user', 'context')),
    legacy_id    varchar(255) not null,
    lectern_id   uuid not null,
    noted_at     timestamptz not null,
    primary key (issuer, consumer_key, kind, legacy_id)
);
