-- Chat: edits, deletions, reactions, threads, pins, moderation, mentions and search.

-- So that the words of one room are found without reading those of all others on the shard.
create extension if not exists btree_gin;

-- What staff set for the whole room. guarded: somebody may be muted or banned, so writers have to look.
alter table chat_room
    add column slow_seconds integer,
    add column announce     boolean not null default false,
    add column guarded      boolean not null default false;

alter table chat_entry drop constraint chat_entry_kind_check;
alter table chat_entry
    add constraint chat_entry_kind_check
        check (kind in ('message', 'edit', 'delete', 'reaction', 'pin', 'moderation')),
    -- of the content as it was sent, to tell a resend from another use of the same id; gone with a deleted text
    add column fingerprint uuid,
    -- the state of a message: its text is that of the last edit; a deleted one has none
    add column edited_at   timestamptz,
    add column deleted_at  timestamptz,
    add column pinned_at   timestamptz;

-- target of a message: the first message of its thread.
create index chat_entry_target on chat_entry (context_id, target, kind, seq) where target is not null;
create index chat_entry_pins on chat_entry (context_id, seq) where pinned_at is not null;
create index chat_entry_words on chat_entry using gin (context_id, to_tsvector('simple', text))
    where kind = 'message' and text is not null;

create table chat_reaction (
    context_id    uuid        not null,
    target        bigint      not null,
    emoji         text        not null,
    user_id       uuid        not null,
    logical_shard smallint    not null,
    at            timestamptz not null,
    primary key (context_id, target, emoji, user_id)
);

-- Who may not write or not be here. A row without end holds until it is taken back.
create table chat_sanction (
    context_id    uuid        not null,
    user_id       uuid        not null,
    kind          text        not null check (kind in ('mute', 'ban')),
    logical_shard smallint    not null,
    until         timestamptz,
    reason        text,
    by_user       uuid        not null,
    at            timestamptz not null,
    primary key (context_id, user_id, kind)
);

-- When somebody last wrote, kept while a room is in slow mode.
create table chat_pace (
    context_id    uuid        not null,
    user_id       uuid        not null,
    logical_shard smallint    not null,
    at            timestamptz not null,
    primary key (context_id, user_id)
);

-- What staff did, for staff.
create table chat_audit (
    context_id    uuid        not null,
    id            uuid        not null,
    logical_shard smallint    not null,
    user_id       uuid        not null,
    user_name     text,
    action        text        not null,
    subject       uuid,
    target        bigint,
    detail        jsonb,
    at            timestamptz not null,
    primary key (context_id, id)
);

-- That somebody was mentioned. Unread while the person's read mark is before the message.
create table chat_notification (
    context_id    uuid        not null,
    user_id       uuid        not null,
    seq           bigint      not null,
    logical_shard smallint    not null,
    at            timestamptz not null,
    primary key (context_id, user_id, seq)
);
create index chat_notification_seq on chat_notification (context_id, seq);

-- Everything about one person, to export or erase it.
create index chat_reaction_user on chat_reaction (user_id);
create index chat_audit_user on chat_audit (user_id);
create index chat_notification_user on chat_notification (user_id);

-- The people of a course by name, for mentions.
create index member_name on member (context_id, lower(name collate "und-x-icu") text_pattern_ops) where name is not null;
