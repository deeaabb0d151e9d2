-- What became of a request about somebody's data, and who saw to it. Null: it waits.
alter table lti_privacy_request
    add column settled_at timestamptz,
    add column settled_by text,
    add column outcome text check (outcome in ('done', 'refused')),
    add column note varchar(1000);
create index lti_privacy_request_waiting on lti_privacy_request (id) where settled_at is null;
