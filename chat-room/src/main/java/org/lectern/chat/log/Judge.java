package org.lectern.chat.log;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.ErrorCode;

/**
 * The room's law: who may do what, given how the room is under its lock. Pure; asked for one entry after the other in
 * the order of the batch, and each answer takes into account what it permitted before. So nobody slips through beside a
 * mute that is part of the same batch.
 *
 * <p>Staff (by their launch) are exempt from mute, ban, slow mode and announcement-only. Not thread-safe.
 */
final class Judge {

    static final int PIN_LIMIT = 50;
    static final int REACTION_KINDS = 20;

    /**
     * A message that is there and was not deleted.
     *
     * @param root the first message of its thread, or null
     */
    record Target(UUID author, Instant at, @Nullable Long root, boolean pinned, Set<String> emoji) {}

    /** The same person is not both; the longer lasting of mutes and bans are kept apart. */
    record Sanctioned(UUID person, String kind) {}

    private final Duration editWindow;
    private RoomRules rules;
    private final Map<Long, Target> targets;
    private final Map<Sanctioned, Instant> sanctions;
    private final Map<UUID, Instant> lastSaid;
    private final Set<UUID> teaching;
    private final Map<Long, UUID> authors = new HashMap<>();
    private int pins;

    /**
     * A judge who knows this.
     *
     * @param targets the messages that the batch is about, by number
     * @param sanctions when the mutes and bans of the batch's people end; {@link Instant#MAX} for never
     * @param lastSaid when the batch's people last wrote, for slow mode
     * @param teaching those subjects of the batch who teach or run the course
     * @param pins how many messages are pinned
     * @param editWindow how long a message may be edited; zero for always
     */
    Judge(
            RoomRules rules,
            Map<Long, Target> targets,
            Map<Sanctioned, Instant> sanctions,
            Map<UUID, Instant> lastSaid,
            Set<UUID> teaching,
            int pins,
            Duration editWindow) {
        this.rules = rules;
        this.targets = new HashMap<>(targets);
        targets.forEach((seq, target) -> authors.put(seq, target.author()));
        this.sanctions = new HashMap<>(sanctions);
        this.lastSaid = new HashMap<>(lastSaid);
        this.teaching = Set.copyOf(teaching);
        this.pins = pins;
        this.editWindow = editWindow;
    }

    /** Null when it may be written, which is then taken as done. */
    Written.@Nullable Refused judge(NewEntry entry) {
        if (!entry.staff() && sanctioned(entry, "ban")) {
            return new Written.Refused(ErrorCode.BANNED);
        }
        return switch (entry.deed()) {
            case Deed.Say say -> say(entry, say);
            case Deed.Edit edit -> edit(entry, edit);
            case Deed.Delete delete -> delete(entry, delete);
            case Deed.React react -> react(entry, react);
            case Deed.Pin pin -> pin(entry, pin);
            case Deed.Moderate moderate -> moderate(entry, moderate);
        };
    }

    /** The first message of the thread that an answer belongs to. */
    @Nullable
    Long root(Deed.Say say) {
        @Nullable Long about = say.replyTo();
        @Nullable Target target = about == null ? null : targets.get(about);
        return target == null || target.root() == null ? about : target.root();
    }

    /** Who wrote a message that the batch is about, also when the batch deletes it. */
    @Nullable
    UUID author(long seq) {
        return authors.get(seq);
    }

    private Written.@Nullable Refused say(NewEntry entry, Deed.Say say) {
        if (say.replyTo() != null && !targets.containsKey(say.replyTo())) {
            return new Written.Refused(ErrorCode.NOT_FOUND);
        }
        Written.@Nullable Refused silent = silent(entry);
        if (silent != null || entry.staff()) {
            return silent;
        }
        @Nullable Integer pause = rules.slowSeconds();
        if (pause != null) {
            @Nullable Instant last = lastSaid.get(entry.user().id());
            if (last != null && last.plusSeconds(pause).isAfter(entry.at())) {
                return new Written.Refused(ErrorCode.SLOW_MODE, Duration.between(entry.at(), last.plusSeconds(pause)));
            }
            lastSaid.put(entry.user().id(), entry.at());
        }
        return null;
    }

    private Written.@Nullable Refused edit(NewEntry entry, Deed.Edit edit) {
        @Nullable Target target = targets.get(edit.target());
        if (target == null) {
            return new Written.Refused(ErrorCode.NOT_FOUND);
        }
        if (!target.author().equals(entry.user().id())) {
            return new Written.Refused(ErrorCode.FORBIDDEN);
        }
        if (!editWindow.isZero() && target.at().plus(editWindow).isBefore(entry.at())) {
            return new Written.Refused(ErrorCode.TOO_LATE);
        }
        return silent(entry);
    }

    private Written.@Nullable Refused delete(NewEntry entry, Deed.Delete delete) {
        @Nullable Target target = targets.get(delete.target());
        if (target == null) {
            return new Written.Refused(ErrorCode.NOT_FOUND);
        }
        if (!entry.staff() && !target.author().equals(entry.user().id())) {
            return new Written.Refused(ErrorCode.FORBIDDEN);
        }
        pins -= target.pinned() ? 1 : 0;
        targets.remove(delete.target());
        return null;
    }

    private Written.@Nullable Refused react(NewEntry entry, Deed.React react) {
        @Nullable Target target = targets.get(react.target());
        if (target == null) {
            return new Written.Refused(ErrorCode.NOT_FOUND);
        }
        if (!entry.staff() && sanctioned(entry, "mute")) {
            return new Written.Refused(ErrorCode.MUTED);
        }
        if (react.on() && !target.emoji().contains(react.emoji())) {
            if (target.emoji().size() >= REACTION_KINDS) {
                return new Written.Refused(ErrorCode.LIMIT);
            }
            Set<String> emoji = new HashSet<>(target.emoji());
            emoji.add(react.emoji());
            targets.put(
                    react.target(), new Target(target.author(), target.at(), target.root(), target.pinned(), emoji));
        }
        return null;
    }

    private Written.@Nullable Refused pin(NewEntry entry, Deed.Pin pin) {
        @Nullable Target target = targets.get(pin.target());
        if (!entry.staff()) {
            return new Written.Refused(ErrorCode.FORBIDDEN);
        }
        if (target == null) {
            return new Written.Refused(ErrorCode.NOT_FOUND);
        }
        if (pin.on() != target.pinned()) {
            if (pin.on() && pins >= PIN_LIMIT) {
                return new Written.Refused(ErrorCode.LIMIT);
            }
            pins += pin.on() ? 1 : -1;
            targets.put(
                    pin.target(), new Target(target.author(), target.at(), target.root(), pin.on(), target.emoji()));
        }
        return null;
    }

    private Written.@Nullable Refused moderate(NewEntry entry, Deed.Moderate moderate) {
        @Nullable UUID subject = moderate.subject();
        boolean self = entry.user().id().equals(subject);
        if (!entry.staff() || self || (subject != null && teaching.contains(subject))) {
            return new Written.Refused(ErrorCode.FORBIDDEN);
        }
        Instant until = moderate.until() == null ? Instant.MAX : moderate.until();
        switch (moderate.action()) {
            case MUTE -> sanction(subject, "mute", until);
            case UNMUTE -> sanction(subject, "mute", null);
            case BAN -> sanction(subject, "ban", until);
            case UNBAN -> sanction(subject, "ban", null);
            case SLOW -> rules = new RoomRules(moderate.seconds(), rules.announce());
            case ANNOUNCE -> rules = new RoomRules(rules.slowSeconds(), true);
            case OPEN -> rules = RoomRules.OPEN;
        }
        return null;
    }

    private Written.@Nullable Refused silent(NewEntry entry) {
        if (entry.staff()) {
            return null;
        }
        if (sanctioned(entry, "mute")) {
            return new Written.Refused(ErrorCode.MUTED);
        }
        return rules.announce() ? new Written.Refused(ErrorCode.ANNOUNCE_ONLY) : null;
    }

    private void sanction(@Nullable UUID subject, String kind, @Nullable Instant until) {
        if (subject == null) {
            throw new IllegalArgumentException(kind + " concerns a person");
        }
        Sanctioned key = new Sanctioned(subject, kind);
        if (until == null) {
            sanctions.remove(key);
        } else {
            sanctions.put(key, until);
        }
    }

    private boolean sanctioned(NewEntry entry, String kind) {
        @Nullable Instant until = sanctions.get(new Sanctioned(entry.user().id(), kind));
        return until != null && until.isAfter(entry.at());
    }
}
