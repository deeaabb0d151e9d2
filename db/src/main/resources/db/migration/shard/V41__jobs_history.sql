-- What an operator asks of a job that did not end well: every earlier attempt with its end and cause, the newest last,
-- at most twenty. And how fast an attempt goes, and how long it still takes, where its handler says.
alter table job
    add column history      jsonb not null default '[]',
    add column speed        real,
    add column seconds_left integer;
