package org.lectern.chat.door;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.log.Hit;
import org.lectern.chat.log.MessageState;
import org.lectern.chat.log.RoomHistory;
import org.lectern.chat.log.RoomView;
import org.lectern.chat.protocol.Link;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.db.ContextId;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Reading a room over HTTP: history, threads, pins, mentions, search and who is in the course. */
@RestController
@RequestMapping("/api/chat/rooms/{contextId}")
@ConditionalOnRole(NodeRole.CHAT)
class HistoryController {

    private static final int WORDS_LIMIT = 200;
    private static final int COMPLETIONS = 10;

    private final Gate gate;
    private final RoomHistory history;

    HistoryController(Gate gate, RoomHistory history) {
        this.gate = gate;
        this.history = history;
    }

    /**
     * A message as it is now.
     *
     * @param id the client's own id
     * @param seq its place in the room
     * @param user who said it
     * @param text what; empty when it was deleted
     * @param ts when
     * @param editedAt when it was edited last, or null
     * @param deleted whether it was taken away
     * @param replyTo first message of the thread that it belongs to, or null
     * @param links what is attached
     * @param mentions people whose names stand behind an {@code @}
     * @param reactions by emoji
     * @param replies how many answers its thread has
     * @param pinned whether it is put up for everybody
     * @param asOf the room's head when this was read: later entries about it are still to be applied
     */
    record MessageDocument(
            String id,
            long seq,
            Person user,
            String text,
            Instant ts,
            @Nullable Instant editedAt,
            boolean deleted,
            @Nullable Long replyTo,
            List<Link> links,
            List<UUID> mentions,
            List<MessageState.Reactions> reactions,
            int replies,
            boolean pinned,
            long asOf) {

        static MessageDocument of(MessageState state) {
            ServerFrame.Message message = state.message();
            return new MessageDocument(
                    message.id(),
                    message.seq(),
                    message.user(),
                    message.text(),
                    message.ts(),
                    message.editedAt(),
                    message.deleted(),
                    message.replyTo(),
                    message.links(),
                    message.mentions(),
                    state.reactions(),
                    state.replies(),
                    state.pinned(),
                    state.asOf());
        }
    }

    /**
     * A thread.
     *
     * @param root its first message
     * @param items answers, newest first
     * @param next what to pass as {@code before} for older ones, or null
     */
    record ThreadDocument(
            MessageDocument root,
            List<MessageDocument> items,
            @Nullable String next) {}

    /**
     * Something found.
     *
     * @param message where
     * @param excerpt plain text around the words
     * @param marks where in the excerpt they stand, in UTF-16 code units
     */
    record HitDocument(MessageDocument message, String excerpt, List<Hit.Mark> marks) {}

    /**
     * A room as the reader finds it.
     *
     * @param head the last number
     * @param read up to where the reader has read
     * @param unread messages of others after that, counted up to 1000
     * @param mentions how many messages after that mention the reader
     * @param pins how many messages are pinned
     * @param slowSeconds the pause of slow mode, or null
     * @param announce whether only staff may write
     * @param muted whether the reader may not write
     * @param mutedUntil until when, where that is known
     */
    record RoomDocument(
            long head,
            long read,
            long unread,
            long mentions,
            long pins,
            @Nullable Integer slowSeconds,
            boolean announce,
            boolean muted,
            @Nullable Instant mutedUntil) {

        static RoomDocument of(RoomView view) {
            return new RoomDocument(
                    view.head(),
                    view.read(),
                    view.unread(),
                    view.mentions(),
                    view.pins(),
                    view.rules().slowSeconds(),
                    view.rules().announce(),
                    view.muted(),
                    view.mutedUntil());
        }
    }

    /** How the room is for the reader: its rules, and what is unread. */
    @GetMapping
    Mono<RoomDocument> room(@PathVariable String contextId, @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId)
                .flatMap(in -> history.view(in.room(), in.person().id()))
                .map(RoomDocument::of);
    }

    /** Messages, newest first; {@code before} is a number as given in {@code next}, exclusive. */
    @GetMapping("/messages")
    Mono<Listing<MessageDocument>> messages(
            @PathVariable String contextId,
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(defaultValue = "50") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return listed(session, contextId, before, limit, history::before);
    }

    /** The answers to a message, newest first, with the message itself. */
    @GetMapping("/messages/{seq}/thread")
    Mono<ThreadDocument> thread(
            @PathVariable String contextId,
            @PathVariable String seq,
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(defaultValue = "50") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId)
                .flatMap(in -> history.find(in.room(), in.person().id(), number(seq)))
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no message with this number")))
                .flatMap(root -> listed(
                                session,
                                contextId,
                                before,
                                limit,
                                (room, me, upTo, most) ->
                                        history.thread(room, me, root.message().seq(), upTo, most))
                        .map(answers -> new ThreadDocument(MessageDocument.of(root), answers.items(), answers.next())));
    }

    /** What staff put up for everybody, newest first. */
    @GetMapping("/pins")
    Mono<Listing<MessageDocument>> pins(
            @PathVariable String contextId,
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(defaultValue = "50") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return listed(session, contextId, before, limit, history::pins);
    }

    /** Messages that mention the reader, newest first. */
    @GetMapping("/mentions")
    Mono<Listing<MessageDocument>> mentions(
            @PathVariable String contextId,
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(defaultValue = "50") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return listed(session, contextId, before, limit, history::mentions);
    }

    /** Messages with all of these words, newest first. */
    @GetMapping("/search")
    Mono<Listing<HitDocument>> search(
            @PathVariable String contextId,
            @RequestParam(defaultValue = "") String q,
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(defaultValue = "20") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId).flatMap(in -> {
            check(limit);
            String words = q.strip();
            if (words.isEmpty() || words.length() > WORDS_LIMIT || words.indexOf('\0') >= 0) {
                throw invalid("q must be 1 to " + WORDS_LIMIT + " characters");
            }
            return history.search(in.room(), in.person().id(), words, upTo(before), limit + 1)
                    .map(hit -> new HitDocument(MessageDocument.of(hit.message()), hit.excerpt(), hit.marks()))
                    .collectList()
                    .map(hits -> Listing.of(
                            hits, limit, hit -> Long.toString(hit.message().seq())));
        });
    }

    /** Up to ten members of the course whose name, or a word of it, begins so; for completing mentions. */
    @GetMapping("/members")
    Mono<Listing<Person>> members(
            @PathVariable String contextId,
            @RequestParam(defaultValue = "") String prefix,
            @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId).flatMap(in -> {
            if (prefix.length() > WORDS_LIMIT || prefix.indexOf('\0') >= 0) {
                throw invalid("prefix must be at most " + WORDS_LIMIT + " characters");
            }
            return history.members(in.room(), prefix.strip(), COMPLETIONS)
                    .collectList()
                    .map(people -> new Listing<>(people, null));
        });
    }

    /** Messages of a kind before a number, newest first. */
    private interface Page {
        Flux<MessageState> read(ContextId room, UUID me, long before, int limit);
    }

    private Mono<Listing<MessageDocument>> listed(
            LaunchSession session, String contextId, @Nullable Long before, int limit, Page page) {
        return gate.enter(session, contextId).flatMap(in -> {
            check(limit);
            // One more than asked for tells whether more follow.
            return page.read(in.room(), in.person().id(), upTo(before), limit + 1)
                    .map(MessageDocument::of)
                    .collectList()
                    .map(rows -> Listing.of(rows, limit, message -> Long.toString(message.seq())));
        });
    }

    private static long upTo(@Nullable Long before) {
        return before == null ? Long.MAX_VALUE : before;
    }

    private static void check(int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw invalid("limit must be 1 to " + Listing.MAX_LIMIT);
        }
    }

    private static long number(String seq) {
        try {
            return Long.parseLong(seq);
        } catch (NumberFormatException e) {
            throw new ProblemException(ProblemType.NOT_FOUND, "There is no message with this number");
        }
    }

    private static ProblemException invalid(String detail) {
        return new ProblemException(ProblemType.INVALID_REQUEST, detail);
    }
}
