package org.lectern.app.session;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Size;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Trades a launch's one-time code for its session, shows the session and ends it. */
@RestController
@RequestMapping("/api/session")
@ConditionalOnRole(NodeRole.WEB)
class SessionController {

    private final Sessions sessions;

    SessionController(Sessions sessions) {
        this.sessions = sessions;
    }

    /** The hand-over: no session is needed, the code is the credential. */
    @PostMapping
    Mono<ResponseEntity<SessionDocument>> exchange(@Valid @RequestBody CodeRequest request) {
        return sessions.exchange(request.code())
                .map(SessionDocument::handOver)
                .map(SessionController::unstored)
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.UNAUTHENTICATED,
                        "This launch has been used or has expired; open the activity again from your course")));
    }

    /** The session that the bearer token stands for. */
    @GetMapping
    Mono<ResponseEntity<SessionDocument>> current(@AuthenticationPrincipal LaunchSession session) {
        return sessions.place(session)
                .map(place -> unstored(SessionDocument.current(session, place)))
                .switchIfEmpty(
                        Mono.error(() -> new ProblemException(ProblemType.UNAUTHENTICATED, "This session has ended")));
    }

    /** Ends the session; its token is good for nothing afterwards. */
    @DeleteMapping
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> end(@AuthenticationPrincipal LaunchSession session) {
        return sessions.end(session);
    }

    private static ResponseEntity<SessionDocument> unstored(SessionDocument document) {
        return ResponseEntity.ok().cacheControl(CacheControl.noStore()).body(document);
    }

    /**
     * The body of an exchange.
     *
     * @param code the one-time code of the launch's redirect
     */
    record CodeRequest(@NotBlank @Size(max = 100) String code) {

        @Override
        public String toString() {
            return "CodeRequest[code=?]";
        }
    }
}
