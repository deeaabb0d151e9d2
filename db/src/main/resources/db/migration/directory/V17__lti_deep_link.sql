-- A deep linking request that waits for its answer: where to answer and what the platform accepts.
create table lti_deep_link (
    id              uuid primary key,
    registration_id uuid not null references lti_registration (id) on delete cascade,
    deployment_id   varchar(255) not null,
    context_id      uuid not null,
    user_id         uuid not null,
    return_url      text not null,
    data            text,
    types           text[] not null,
    targets         text[] not null,
    multiple        boolean not null,
    line_items      boolean not null,
    origin          text not null,
    expires_at      timestamptz not null
);
create index lti_deep_link_expires on lti_deep_link (expires_at);
create index lti_deep_link_registration on lti_deep_link (registration_id);
