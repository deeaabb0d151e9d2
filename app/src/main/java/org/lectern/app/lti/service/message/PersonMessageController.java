package org.lectern.app.lti.service.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.access.ServiceAccess;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.grade.PersonScores;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.person.Subjects;
import org.lectern.app.session.LaunchTarget;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.util.IdGenerator;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** What the pages of messages about a person show and do. Each only in a session that such a message opened. */
@RestController
@RequestMapping("/api/lti")
@ConditionalOnRole(NodeRole.WEB)
class PersonMessageController {

    private static final Set<String> EULA_SCOPE = Set.of("https://purl.imsglobal.org/spec/lti/scope/eula/user");
    private static final String JSON = "application/json";

    private final PersonMessages messages;
    private final PersonScores scores;
    private final Subjects subjects;
    private final Members members;
    private final Endpoints endpoints;
    private final ServiceCalls calls;
    private final Directory directory;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;

    PersonMessageController(
            PersonMessages messages,
            PersonScores scores,
            Subjects subjects,
            Members members,
            Endpoints endpoints,
            ServiceCalls calls,
            Directory directory,
            JsonMapper json,
            IdGenerator ids,
            Clock clock) {
        this.messages = messages;
        this.scores = scores;
        this.subjects = subjects;
        this.members = members;
        this.endpoints = endpoints;
        this.calls = calls;
        this.directory = directory;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
    }

    /** What stands behind a person's grade: for staff of the course, and for that person. */
    @GetMapping("/review")
    Mono<Review> review(@AuthenticationPrincipal LaunchSession session) {
        return messages.of(session, LaunchTarget.REVIEW)
                .flatMap(message -> Mono.justOrEmpty(message.subject())
                        .flatMap(subject -> subjects.user(message.registration(), subject))
                        .doOnNext(person -> ServiceAccess.requireStaffOr(person, session))
                        .flatMap(person -> members.find(session.context(), person, Freshness.SESSION)
                                .map(Optional::of)
                                .defaultIfEmpty(Optional.empty())
                                .zipWith(scores.of(session.context(), person, message.lineItem())
                                        .collectList())
                                .map(both -> new Review(
                                        person, both.getT1().map(Member::name).orElse(null), both.getT2()))))
                .switchIfEmpty(Mono.error(() -> {
                    ServiceAccess.requireStaff(session, "review others' work");
                    return new ProblemException(ProblemType.NOT_FOUND, "This person has not been here yet");
                }));
    }

    /** Whom a question of privacy is about: oneself, or somebody else where an administrator asks. */
    @GetMapping("/privacy")
    Mono<Privacy> privacy(@AuthenticationPrincipal LaunchSession session) {
        return concerned(session)
                .map(message -> new Privacy(message.registration().name(), message.subject() != null));
    }

    /** Asks for the person's data, or for its removal; an operator carries it out. */
    @PostMapping("/privacy")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<PrivacyAsked> ask(@AuthenticationPrincipal LaunchSession session, @Valid @RequestBody PrivacyRequest request) {
        UUID id = ids.generateId();
        return concerned(session)
                .filter(message -> message.subject() != null)
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.CONFLICT, "Nothing is kept about somebody who has no name here")))
                .flatMap(message -> directory.write(sql -> sql.sql("""
                                insert into lti_privacy_request (id, registration_id, about_subject, asked_by, kind, asked_at)
                                values (:id, :registration, :subject, :user, :kind, :now)""")
                        .bind("id", id)
                        .bind("registration", message.registration().id())
                        .bind("subject", Objects.requireNonNull(message.subject()))
                        .bind("user", session.userId())
                        .bind("kind", request.kind())
                        .bind("now", clock.instant())
                        .fetch()
                        .rowsUpdated()))
                .map(done -> new PrivacyAsked(id, request.kind()));
    }

    /** Tells the platform whether the person accepts the terms. */
    @PostMapping("/eula")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> accept(@AuthenticationPrincipal LaunchSession session, @Valid @RequestBody EulaAnswer answer) {
        return messages.of(session, LaunchTarget.EULA)
                .flatMap(message -> endpoints
                        .find(session.context(), ServiceKind.EULA)
                        .switchIfEmpty(Mono.error(() -> new PlatformFailureException(
                                PlatformFailureException.Kind.NOT_OFFERED, "the launch named no EULA service")))
                        .flatMap(endpoint -> tell(endpoint, message, answer)))
                .onErrorMap(PlatformFailureException.class, ServiceAccess::problem)
                .then();
    }

    private Mono<?> tell(Endpoint endpoint, PersonMessage message, EulaAnswer answer) {
        String subject = Objects.requireNonNullElse(message.subject(), "");
        String body = json.createObjectNode()
                .put("userId", subject)
                .put("accepted", answer.accepted())
                .put("timestamp", clock.instant().toString())
                .toString();
        return calls.call(
                endpoint.registration(),
                EULA_SCOPE,
                new PlatformRequest(
                        "eula",
                        HttpMethod.POST,
                        PlatformRequest.address(endpoint.url(), "user"),
                        JSON,
                        JSON,
                        body,
                        true));
    }

    /** Only administrators ask about somebody else. */
    private Mono<PersonMessage> concerned(LaunchSession session) {
        return messages.of(session, LaunchTarget.PRIVACY)
                .flatMap(message -> Mono.justOrEmpty(message.subject())
                        .flatMap(subject -> subjects.user(message.registration(), subject))
                        .map(session.userId()::equals)
                        .defaultIfEmpty(false)
                        .flatMap(self -> self || session.roles().contains(CourseRole.ADMINISTRATOR)
                                ? Mono.just(message)
                                : Mono.error(new ProblemException(
                                        ProblemType.FORBIDDEN, "Only administrators may ask about somebody else"))));
    }

    /**
     * What stands behind a grade.
     *
     * @param userId whose work
     * @param name the person's name, where known
     * @param scores the scores that Lectern sent
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record Review(UUID userId, @Nullable String name, List<PersonScores.Line> scores) {}

    /**
     * Who is asked about.
     *
     * @param platform where the person comes from
     * @param known whether the platform says who it is
     */
    record Privacy(String platform, boolean known) {}

    /**
     * What is asked for.
     *
     * @param kind {@code export} or {@code erase}
     */
    record PrivacyRequest(
            @NotNull @Pattern(regexp = "export|erase") String kind) {}

    /**
     * A request that was taken.
     *
     * @param id its id
     * @param kind what was asked for
     */
    record PrivacyAsked(UUID id, String kind) {}

    /**
     * The person's answer.
     *
     * @param accepted whether the terms are accepted
     */
    record EulaAnswer(@NotNull Boolean accepted) {}
}
