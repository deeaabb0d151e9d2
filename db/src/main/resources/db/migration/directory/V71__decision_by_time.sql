-- The last decision about each thing, since a time: without this all that was ever decided is read.
create index decision_by_time on decision (at);
