-- What the token endpoint wants to be called in assertions, where that is not its address. Null: its address.
alter table lti_registration add column token_audience varchar(512);
