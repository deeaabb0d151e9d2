package org.lectern.app.lti.service.notice;

import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.launch.NoticeTokens;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpStatus;
import org.springframework.util.IdGenerator;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Takes notices of platforms, each signed by its platform's key, and shows them to operators. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class NoticeController {

    private static final int TOGETHER = 4;

    private final NoticeTokens tokens;
    private final Directory directory;
    private final IdGenerator ids;
    private final Clock clock;

    NoticeController(NoticeTokens tokens, Directory directory, IdGenerator ids, Clock clock) {
        this.tokens = tokens;
        this.directory = directory;
        this.ids = ids;
        this.clock = clock;
    }

    /** Takes notices (Platform Notification Service 1.0): a notice that came before changes nothing. */
    @PostMapping("/lti/notices")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<Taken> take(@Valid @RequestBody Batch batch) {
        return Flux.fromIterable(batch.notices())
                .flatMap(signed -> tokens.verified(signed.jwt()), TOGETHER)
                .concatMap(this::keep)
                .count()
                .filter(taken -> taken > 0 || batch.notices().isEmpty())
                .map(Taken::new)
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.INVALID_REQUEST, "None of these is a notice of a platform known here")));
    }

    /** Notices of platforms, newest first. */
    @GetMapping("/api/ops/lti/notices")
    Mono<Listing<NoticeDocument>> list(
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") @Min(1) @Max(Listing.MAX_LIMIT) int limit) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                select n.id, r.name, n.type, n.deployment_id, n.lti_context_id, n.origin_contexts, n.at,
                                    n.received_at
                                from lti_notice n join lti_registration r on r.id = n.registration_id
                                where n.id < :before order by n.id desc limit :limit""")
                                .bind("before", before == null ? new UUID(-1, -1) : before)
                                .bind("limit", limit + 1)
                                .map(row -> new NoticeDocument(
                                        Objects.requireNonNull(row.get("id", UUID.class)),
                                        Objects.requireNonNull(row.get("name", String.class)),
                                        Objects.requireNonNull(row.get("type", String.class)),
                                        Objects.requireNonNull(row.get("deployment_id", String.class)),
                                        row.get("lti_context_id", String.class),
                                        List.of(Objects.requireNonNull(row.get("origin_contexts", String[].class))),
                                        Objects.requireNonNull(row.get("at", Instant.class)),
                                        Objects.requireNonNull(row.get("received_at", Instant.class))))
                                .all())
                .collectList()
                .map(found -> Listing.of(found, limit, notice -> notice.id().toString()));
    }

    private Mono<Long> keep(NoticeTokens.Notice notice) {
        return directory.write(sql -> {
            var statement = sql.sql("""
                                    insert into lti_notice (id, registration_id, notice_id, type, deployment_id,
                                        lti_context_id, origin_contexts, at, received_at)
                                    values (:id, :registration, :notice, :type, :deployment, :context, :origins, :at, :now)
                                    on conflict (registration_id, notice_id) do nothing""")
                    .bind("id", ids.generateId())
                    .bind("registration", notice.registration().id())
                    .bind("notice", notice.id())
                    .bind("type", notice.type())
                    .bind("deployment", notice.deploymentId())
                    .bind("origins", notice.originContexts().toArray(String[]::new))
                    .bind("at", notice.at())
                    .bind("now", clock.instant());
            String context = notice.contextId();
            return (context == null ? statement.bindNull("context", String.class) : statement.bind("context", context))
                    .fetch()
                    .rowsUpdated();
        });
    }

    /**
     * Notices.
     *
     * @param notices at most 100
     */
    record Batch(@NotNull @Size(max = 100) List<@NotNull @Valid SignedNotice> notices) {

        /** Copies the list. */
        Batch {
            notices = notices == null ? List.of() : List.copyOf(notices);
        }
    }

    /**
     * A notice.
     *
     * @param jwt signed by the platform
     */
    record SignedNotice(@NotBlank @Size(max = 65_536) String jwt) {

        /** Leaves the token out. */
        @Override
        public String toString() {
            return "SignedNotice[]";
        }
    }

    /**
     * How many notices were taken.
     *
     * @param taken verified ones
     */
    record Taken(long taken) {}

    /**
     * A notice, for operators.
     *
     * @param id ours
     * @param platform who sent it
     * @param type what happened
     * @param deploymentId the deployment it is about
     * @param ltiContextId the course it is about, by the platform's id
     * @param originContexts the courses that were copied, by the platform's ids
     * @param at when it was issued
     * @param receivedAt when it came
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record NoticeDocument(
            UUID id,
            String platform,
            String type,
            String deploymentId,
            @Nullable String ltiContextId,
            List<String> originContexts,
            Instant at,
            Instant receivedAt) {}
}
