package org.lectern.chat.door;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.door.HistoryController.MessageDocument;
import org.lectern.chat.log.AuditEntry;
import org.lectern.chat.log.MessageState;
import org.lectern.chat.log.RoomHistory;
import org.lectern.chat.log.Sanction;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.MediaType;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What only staff of the course may read of a room. Moderating itself goes by entries, as all deeds do. */
@RestController
@RequestMapping("/api/chat/rooms/{contextId}")
@ConditionalOnRole(NodeRole.CHAT)
class StaffController {

    private static final int PAGE = 500;

    private final Gate gate;
    private final RoomHistory history;

    StaffController(Gate gate, RoomHistory history) {
        this.gate = gate;
        this.history = history;
    }

    /** Who is muted or banned now; at most 1000, newest first. */
    @GetMapping("/sanctions")
    Mono<Listing<Sanction>> sanctions(@PathVariable String contextId, @AuthenticationPrincipal LaunchSession session) {
        return gate.enterAsStaff(session, contextId)
                .flatMap(in -> history.sanctions(in.room()).collectList())
                .map(all -> new Listing<>(all, null));
    }

    /** What staff did, newest first. */
    @GetMapping("/audit")
    Mono<Listing<AuditEntry>> audit(
            @PathVariable String contextId,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") int limit,
            @AuthenticationPrincipal LaunchSession session) {
        return gate.enterAsStaff(session, contextId).flatMap(in -> {
            if (limit < 1 || limit > Listing.MAX_LIMIT) {
                throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
            }
            return history.audit(in.room(), before, limit + 1)
                    .collectList()
                    .map(rows -> Listing.of(rows, limit, line -> line.id().toString()));
        });
    }

    /**
     * The whole room as it is now, oldest first, a JSON object a line. Read page by page as fast as the client takes it,
     * so that it needs no more memory for a long room than for a short one. Noted in the audit log.
     */
    @GetMapping(path = "/export", produces = MediaType.APPLICATION_NDJSON_VALUE)
    Flux<MessageDocument> export(@PathVariable String contextId, @AuthenticationPrincipal LaunchSession session) {
        return gate.enterAsStaff(session, contextId)
                .flatMap(in -> history.exported(in.room(), in.person()).thenReturn(in))
                .flatMapMany(in -> page(in, 0)
                        .expand(page -> page.size() < PAGE
                                ? Mono.empty()
                                : page(in, page.getLast().message().seq()))
                        .concatMapIterable(page -> page, 1))
                .map(MessageDocument::of);
    }

    private Mono<List<MessageState>> page(Gate.Entered in, long after) {
        return history.after(in.room(), in.person().id(), after, PAGE).collectList();
    }
}
