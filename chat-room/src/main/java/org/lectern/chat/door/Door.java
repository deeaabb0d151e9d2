package org.lectern.chat.door;

import java.time.Clock;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.Written;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.ErrorCode;
import org.lectern.chat.protocol.Person;
import org.lectern.db.ContextId;
import org.lectern.infra.batching.QueueFullException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Doing something in a room, the same for sockets and HTTP: limits, then the room's writer, and every outcome by name. */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Door {

    private static final Logger log = LoggerFactory.getLogger(Door.class);
    private static final Duration SOON = Duration.ofSeconds(1);

    /** What became of it. */
    sealed interface Outcome {

        /** Committed; {@code before} when it was there already. */
        record Committed(long seq, boolean before) implements Outcome {}

        /**
         * It had no effect, or, with UNAVAILABLE, nobody knows whether it had: the same id again finds out.
         *
         * @param detail for people
         * @param retryAfter when it may succeed, where that is known
         */
        record Refused(
                ErrorCode code, String detail, @Nullable Duration retryAfter) implements Outcome {}
    }

    private final LiveRooms rooms;
    private final Limits limits;
    private final Clock clock;

    Door(LiveRooms rooms, Limits limits, Clock clock) {
        this.rooms = rooms;
        this.limits = limits;
        this.clock = clock;
    }

    Mono<Outcome> act(ContextId room, Person person, boolean staff, String id, Deed deed) {
        return Mono.deferContextual(context -> {
            if (!limits.permit(room, person.id())) {
                return Mono.just(refused(ErrorCode.RATE_LIMITED, SOON));
            }
            NewEntry entry =
                    new NewEntry(id, person, staff, deed, clock.instant().truncatedTo(ChronoUnit.MILLIS));
            return rooms.write(room, entry)
                    .<Outcome>map(written -> switch (written) {
                        case Written.Committed done -> new Outcome.Committed(done.seq(), done.before());
                        case Written.Conflicting conflicting -> refused(ErrorCode.CONFLICT, null);
                        case Written.Refused refused -> refused(refused.code(), refused.retryAfter());
                    })
                    .onErrorResume(e -> {
                        if (e instanceof QueueFullException) {
                            return Mono.just(refused(ErrorCode.TRY_LATER, SOON));
                        }
                        TraceScope.run(
                                context,
                                () -> log.warn("an entry of room {} could not be committed: {}", room, e.toString()));
                        return Mono.just(refused(ErrorCode.UNAVAILABLE, SOON));
                    });
        });
    }

    private static Outcome refused(ErrorCode code, @Nullable Duration retryAfter) {
        return new Outcome.Refused(code, detail(code), retryAfter);
    }

    private static String detail(ErrorCode code) {
        return switch (code) {
            case MALFORMED, BAD_TEXT -> code.meaning();
            case CONFLICT -> "This id was used before with other content";
            case FORBIDDEN -> "You may not do that here";
            case NOT_FOUND -> "There is no such message any more";
            case TOO_LATE -> "This message can no longer be edited";
            case MUTED -> "You may read here, but not write: staff muted you";
            case BANNED -> "You were banned from this room";
            case ANNOUNCE_ONLY -> "Only staff may write here now";
            case LIMIT -> "There are too many of these already";
            case SLOW_MODE -> "The room is in slow mode; wait a little before you write again";
            case RATE_LIMITED -> "Too many messages; slow down";
            case TRY_LATER -> "Too many messages wait to be written";
            case UNAVAILABLE -> "It could not be stored now; send it again with the same id";
        };
    }
}
