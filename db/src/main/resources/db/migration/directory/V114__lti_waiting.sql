-- The host whose configuration a platform registered itself by, so that no host fills the list of those that wait.
alter table lti_registration add column requested_from varchar(255);

-- Notices are removed by age.
create index lti_notice_received on lti_notice (received_at);
