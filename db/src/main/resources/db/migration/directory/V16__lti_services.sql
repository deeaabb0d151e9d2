-- Where a platform's services are, as its launches say: kept for use when nobody is there. An empty resource link means
-- the whole context; what belongs to one link (a line item) stands under that link.
create table lti_service (
    context_id       uuid not null references lti_context (context_id),
    resource_link_id varchar(255) not null default '',
    service          text not null check (service in
                         ('line_items', 'line_item', 'memberships', 'groups', 'group_sets', 'notices', 'eula')),
    url              text not null,
    scopes           text[] not null,
    updated_at       timestamptz not null,
    primary key (context_id, resource_link_id, service)
);
