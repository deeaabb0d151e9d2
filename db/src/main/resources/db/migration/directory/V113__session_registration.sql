-- Which platform a session was launched from, so that it ends when an operator pauses or denies that platform. Null for
-- sessions that were opened before this was known.
alter table session add column registration_id uuid;
create index session_registration on session (registration_id);
