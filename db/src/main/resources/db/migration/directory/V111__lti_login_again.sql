-- What a login began with, so that it can be begun again in a window of its own, where a browser keeps the cookie.
alter table lti_login
    add column login_hint varchar(4096),
    add column message_hint varchar(4096);
