-- A platform (LMS) that may launch Lectern: one row for each (issuer, client id).
create table lti_registration (
    id                     uuid primary key,
    issuer                 varchar(512) not null,
    client_id              varchar(255) not null,
    name                   text not null,
    authorization_endpoint text not null,
    token_endpoint         text,
    jwks_uri               text not null,
    -- Addresses an administrator of this server typed in may lead to loopback or private networks; others never.
    trusted_addresses      boolean not null,
    paused                 boolean not null default false,
    operators              boolean not null default false,
    anonymous_launches     boolean not null default false,
    pending_deployments    boolean not null default false,
    source                 text not null check (source in ('configuration', 'demo', 'api', 'dynamic')),
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    unique (issuer, client_id)
);

create table lti_deployment (
    registration_id uuid not null references lti_registration (id),
    deployment_id   varchar(255) not null,
    state           text not null check (state in ('active', 'pending', 'blocked')),
    first_seen_at   timestamptz not null,
    primary key (registration_id, deployment_id)
);

-- A login that was begun and not yet answered. Taken with DELETE ... RETURNING: state and nonce count once, on all
-- nodes together. Only digests are kept: who reads this table cannot finish somebody's launch.
create table lti_login (
    state_digest    bytea primary key,
    nonce_digest    bytea not null,
    browser_digest  bytea not null,
    registration_id uuid not null references lti_registration (id) on delete cascade,
    target_link_uri text not null,
    deployment_id   varchar(255),
    storage_target  varchar(255),
    created_at      timestamptz not null,
    expires_at      timestamptz not null
);
create index lti_login_expires on lti_login (expires_at);
create index lti_login_registration on lti_login (registration_id);

-- Contexts: LTI's id is unique only within a deployment. A launch without a context belongs to its resource link.
create table lti_context (
    registration_id uuid not null references lti_registration (id),
    deployment_id   varchar(255) not null,
    kind            text not null check (kind in ('context', 'resource_link')),
    lti_id          varchar(255) not null,
    context_id      uuid not null unique,
    title           text,
    created_at      timestamptz not null,
    primary key (registration_id, deployment_id, kind, lti_id)
);

-- People: LTI's subject is unique within an issuer.
create table lti_person (
    issuer     varchar(512) not null,
    subject    varchar(255) not null,
    user_id    uuid not null unique,
    created_at timestamptz not null,
    primary key (issuer, subject)
);

-- The tool's own keys. The private part is sealed with AES-256-GCM under lectern.keys.secret.
create table lti_tool_key (
    kid             text primary key,
    public_jwk      text not null,
    private_sealed  bytea not null,
    created_at      timestamptz not null,
    signs_from      timestamptz not null,
    published_until timestamptz
);
