package org.lectern.app.lti.service.grade;

import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.access.ServiceAccess;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.person.Subjects;
import org.lectern.db.Freshness;
import org.lectern.db.member.Members;
import org.lectern.db.shard.Shards;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.HttpStatus;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;

/** The gradebook of the session's course in its learning management system. Staff only. */
@RestController
@RequestMapping("/api/lti/grades")
@ConditionalOnRole(NodeRole.WEB)
class GradeController {

    private static final String RESOURCE = "participation|video:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    private final Gradebook gradebook;
    private final Participation participation;
    private final LineItems items;
    private final Endpoints endpoints;
    private final Subjects subjects;
    private final Members members;
    private final Shards shards;

    GradeController(
            Gradebook gradebook,
            Participation participation,
            LineItems items,
            Endpoints endpoints,
            Subjects subjects,
            Members members,
            Shards shards) {
        this.gradebook = gradebook;
        this.participation = participation;
        this.items = items;
        this.endpoints = endpoints;
        this.subjects = subjects;
        this.members = members;
        this.shards = shards;
    }

    /** What of the course has a column in the gradebook, as far as Lectern sends scores to it. */
    @GetMapping("/line-items")
    Mono<Listing<ColumnDocument>> columns(@AuthenticationPrincipal LaunchSession session) {
        ServiceAccess.requireStaff(session, "see the gradebook");
        return gradebook
                .columns(session.context(), Freshness.SESSION)
                .map(ColumnDocument::of)
                .collectList()
                .map(found -> new Listing<>(found, null));
    }

    /** Gives a resource a column: the one it has in the platform's gradebook is changed where it differs, else one is made. */
    @PostMapping("/line-items")
    Mono<ColumnDocument> connect(
            @AuthenticationPrincipal LaunchSession session, @Valid @RequestBody ColumnRequest request) {
        ServiceAccess.requireStaff(session, "change the gradebook");
        var resource = new GradedResource(request.resource());
        return gradebookOf(session)
                .flatMap(endpoint -> items.find(endpoint, resource)
                        .next()
                        .flatMap(item -> sameAs(item, request)
                                ? Mono.just(item)
                                : items.update(endpoint, item, request.label(), request.maximum()))
                        .switchIfEmpty(
                                Mono.defer(() -> items.create(endpoint, resource, request.label(), request.maximum()))))
                .map(item -> new Column(resource, item.url(), request.label(), request.maximum()))
                .flatMap(column ->
                        gradebook.connect(session.context(), column, null).thenReturn(ColumnDocument.of(column)))
                .onErrorMap(PlatformFailureException.class, ServiceAccess::problem);
    }

    /** Removes a resource's column from the platform's gradebook, with the scores in it. */
    @DeleteMapping("/line-items")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> disconnect(@AuthenticationPrincipal LaunchSession session, @RequestParam String resource) {
        ServiceAccess.requireStaff(session, "change the gradebook");
        GradedResource graded = resource(resource);
        return column(session, graded)
                .flatMap(column -> gradebookOf(session).flatMap(endpoint -> items.delete(endpoint, column.url())))
                .then(gradebook.disconnect(session.context(), graded))
                .onErrorMap(PlatformFailureException.class, ServiceAccess::problem);
    }

    /** Sends a score of a person of the course to the gradebook, by a job. */
    @PostMapping("/scores")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<Score> score(@AuthenticationPrincipal LaunchSession session, @Valid @RequestBody ScoreRequest request) {
        ServiceAccess.requireStaff(session, "grade");
        var resource = new GradedResource(request.resource());
        if (request.score() > request.maximum()) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "score is more than maximum");
        }
        return members.find(session.context(), request.userId(), Freshness.SESSION)
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such person in this course")))
                .then(column(session, resource))
                .then(shards.write(
                        session.context(),
                        transaction -> gradebook
                                .queue(
                                        transaction,
                                        new Gradebook.NewScore(
                                                resource,
                                                request.userId(),
                                                request.score(),
                                                request.maximum(),
                                                Objects.requireNonNullElse(request.activityProgress(), "Completed"),
                                                Objects.requireNonNullElse(request.gradingProgress(), "FullyGraded"),
                                                request.comment()))
                                .thenReturn(resource)))
                .then(Mono.defer(() -> gradebook.score(session.context(), resource.key(), request.userId())));
    }

    /** The newest scores for a resource, and whether the platform has them. */
    @GetMapping("/scores")
    Mono<Listing<Score>> scores(
            @AuthenticationPrincipal LaunchSession session,
            @RequestParam String resource,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") @Min(1) @Max(Listing.MAX_LIMIT) int limit) {
        ServiceAccess.requireStaff(session, "see scores");
        return gradebook
                .scores(session.context(), resource(resource), before, limit + 1, Freshness.SESSION)
                .collectList()
                .map(found -> Listing.of(found, limit, score -> score.userId().toString()));
    }

    /** Grades how much every student took part in the chat, by messages written so far. */
    @PostMapping("/participation")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<Queued> participation(
            @AuthenticationPrincipal LaunchSession session, @Valid @RequestBody ParticipationRequest request) {
        ServiceAccess.requireStaff(session, "grade");
        return column(session, GradedResource.PARTICIPATION)
                .then(Mono.defer(() -> participation.grade(session.context(), request.messages())))
                .map(Queued::new);
    }

    /** What the platform's gradebook says for a resource now. */
    @GetMapping("/results")
    Mono<Listing<Result>> results(@AuthenticationPrincipal LaunchSession session, @RequestParam String resource) {
        ServiceAccess.requireStaff(session, "see results");
        return column(session, resource(resource))
                .flatMap(column -> gradebookOf(session)
                        .flatMap(endpoint -> items.results(endpoint, column.url())
                                .flatMap(found -> subjects.users(
                                                endpoint.registration(),
                                                found.stream()
                                                        .map(one -> one.path("userId")
                                                                .asString(""))
                                                        .filter(subject -> !subject.isBlank())
                                                        .toList())
                                        .map(users -> found.stream()
                                                .map(one -> Result.of(one, users))
                                                .toList()))))
                .map(found -> new Listing<>(found, null))
                .onErrorMap(PlatformFailureException.class, ServiceAccess::problem);
    }

    private Mono<Column> column(LaunchSession session, GradedResource resource) {
        return gradebook
                .column(session.context(), resource, Freshness.SESSION)
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.NOT_FOUND, "This has no column in the gradebook; make one first")));
    }

    private Mono<Endpoint> gradebookOf(LaunchSession session) {
        return endpoints
                .find(session.context(), ServiceKind.LINE_ITEMS)
                .switchIfEmpty(Mono.error(() -> new PlatformFailureException(
                        PlatformFailureException.Kind.NOT_OFFERED, "no launch of this course offered its gradebook")));
    }

    private static boolean sameAs(LineItems.Item item, ColumnRequest request) {
        return item.document().path("label").asString("").equals(request.label())
                && item.document().path("scoreMaximum").asDouble(0) == request.maximum();
    }

    private static GradedResource resource(String text) {
        return GradedResource.of(text)
                .orElseThrow(() -> new ProblemException(
                        ProblemType.INVALID_REQUEST, "resource is participation, or video: and a video's id"));
    }

    /**
     * A column to make or change.
     *
     * @param resource {@code participation}, or {@code video:} and a video's id
     * @param label its title in the gradebook
     * @param maximum the most points
     */
    record ColumnRequest(
            @NotNull @Pattern(regexp = RESOURCE) String resource,
            @NotBlank @Size(max = 200) String label,

            @NotNull @DecimalMin("0.01") @DecimalMax("1000000")
            Double maximum) {}

    /**
     * A column.
     *
     * @param resource what is graded
     * @param label its title, where Lectern gave it
     * @param maximum the most that Lectern's scores say
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record ColumnDocument(String resource, @Nullable String label, double maximum) {

        static ColumnDocument of(Column column) {
            return new ColumnDocument(column.resource().key(), column.label(), column.maximum());
        }
    }

    /**
     * A score to send.
     *
     * @param resource {@code participation}, or {@code video:} and a video's id
     * @param userId whose
     * @param score how much
     * @param maximum out of how much
     * @param activityProgress Initialized, Started, InProgress, Submitted or Completed (the default)
     * @param gradingProgress FullyGraded (the default), Pending, PendingManual, Failed or NotReady
     * @param comment for the person
     */
    record ScoreRequest(
            @NotNull @Pattern(regexp = RESOURCE) String resource,
            @NotNull UUID userId,
            @NotNull @DecimalMin("0") @DecimalMax("1000000") Double score,

            @NotNull @DecimalMin("0.01") @DecimalMax("1000000")
            Double maximum,

            @Nullable @Pattern(regexp = "Initialized|Started|InProgress|Submitted|Completed")
            String activityProgress,

            @Nullable @Pattern(regexp = "FullyGraded|Pending|PendingManual|Failed|NotReady")
            String gradingProgress,

            @Nullable @Size(max = 2000) String comment) {}

    /**
     * How participation is graded.
     *
     * @param messages how many messages are all that is asked for
     */
    record ParticipationRequest(
            @NotNull @Min(1) @Max(10_000) Integer messages) {}

    /**
     * How many scores will be sent.
     *
     * @param queued scores that differ from those sent before
     */
    record Queued(long queued) {}

    /**
     * A result in the platform's gradebook.
     *
     * @param userId whose
     * @param score how much, where there is a result
     * @param maximum out of how much
     * @param comment the platform's, where there is one
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record Result(
            @Nullable UUID userId,
            @Nullable Double score,
            @Nullable Double maximum,
            @Nullable String comment) {

        static Result of(JsonNode node, Map<String, UUID> users) {
            return new Result(
                    users.get(node.path("userId").asString("")),
                    number(node, "resultScore"),
                    number(node, "resultMaximum"),
                    node.path("comment").isString() ? node.path("comment").asString() : null);
        }

        private static @Nullable Double number(JsonNode node, String field) {
            return node.path(field).isNumber() ? (Double) node.path(field).asDouble() : null;
        }
    }
}
