-- Uploads in parts (tus concatenation): a part is a row like an upload, but no video; the whole names its parts.
alter table video add column upload_concat text;

-- What was made of the source, for the storage that a course uses.
alter table video add column output_bytes bigint not null default 0 check (output_bytes >= 0);
