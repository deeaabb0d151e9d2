-- What a session's launch is about, beside the page it leads to: a video, or the row of a message of its own.
alter table session add column item text;

-- Messages that belong to neither a course nor a link (a data privacy launch) belong to their deployment.
alter table lti_context drop constraint lti_context_kind_check;
alter table lti_context add constraint lti_context_kind_check
    check (kind in ('context', 'resource_link', 'deployment'));
