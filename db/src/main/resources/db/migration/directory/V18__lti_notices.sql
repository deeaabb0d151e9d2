-- Messages that are about a person: a review of work, a question of privacy, terms to accept.
create table lti_message (
    id              uuid primary key,
    registration_id uuid not null references lti_registration (id) on delete cascade,
    context_id      uuid not null,
    user_id         uuid not null,
    about_subject   varchar(255),
    line_item       text,
    expires_at      timestamptz not null
);
create index lti_message_expires on lti_message (expires_at);
create index lti_message_registration on lti_message (registration_id);

-- What people ask for their data, until an operator has done it.
create table lti_privacy_request (
    id              uuid primary key,
    registration_id uuid not null references lti_registration (id) on delete cascade,
    about_subject   varchar(255) not null,
    asked_by        uuid not null,
    kind            text not null check (kind in ('export', 'erase')),
    asked_at        timestamptz not null
);
create index lti_privacy_request_registration on lti_privacy_request (registration_id);

-- Notices that platforms sent, each once.
create table lti_notice (
    id              uuid primary key,
    registration_id uuid not null references lti_registration (id) on delete cascade,
    notice_id       varchar(255) not null,
    type            varchar(255) not null,
    deployment_id   varchar(255) not null,
    lti_context_id  varchar(255),
    origin_contexts text[] not null,
    at              timestamptz not null,
    received_at     timestamptz not null,
    unique (registration_id, notice_id)
);

-- Where a deployment sends which notices, as Lectern asked it to.
create table lti_notice_handler (
    registration_id uuid not null references lti_registration (id) on delete cascade,
    deployment_id   varchar(255) not null,
    type            varchar(255) not null,
    handler         text not null,
    ordered_at      timestamptz not null,
    primary key (registration_id, deployment_id, type)
);
