-- What the control plane saw and what it decided.

create table signal (
    kind    text             not null,
    subject text             not null,
    at      timestamptz      not null,
    value   double precision not null,
    primary key (kind, subject, at)
);
-- Decisions look at the last minutes of everything; old rows are deleted by age.
create index signal_by_time on signal (at);

create table decision (
    id        uuid        not null primary key,
    at        timestamptz not null,
    resource  text        not null,
    subject   text        not null,
    change    integer     not null check (change <> 0),
    priority  text        not null,
    state     text        not null,
    mode      text        not null,
    reason    text        not null,
    evidence  jsonb       not null,
    lapsed_at timestamptz
);
create index decision_by_target on decision (resource, subject, at);
create unique index decision_open on decision (resource, subject) where state = 'proposed';

-- Who does something of which there is only one, until when by the clock of the database.
create table control_lease (
    name   text        not null primary key,
    holder text        not null,
    until  timestamptz not null
);
