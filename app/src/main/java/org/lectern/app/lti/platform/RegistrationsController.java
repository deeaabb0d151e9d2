package org.lectern.app.lti.platform;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/**
 * Platforms that may launch Lectern, for operators. Who may call this is decided for all of {@code /api/ops} by the
 * security of the edge; who did what stands in the audit.
 */
@RestController
@RequestMapping("/api/ops")
@ConditionalOnRole(NodeRole.WEB)
class RegistrationsController {

    private final RegistrationDesk desk;
    private final Audit audit;

    RegistrationsController(RegistrationDesk desk, Audit audit) {
        this.desk = desk;
        this.audit = audit;
    }

    /**
     * Registrations, newest first; each is one client id of one issuer.
     *
     * @param before only those older than this id
     * @param limit 1 to 200
     */
    @GetMapping("/registrations")
    Mono<Listing<RegistrationDocument>> list(
            @RequestParam(required = false) @Nullable UUID before, @RequestParam(defaultValue = "50") int limit) {
        int checked = limit(limit);
        return desk.list(before, checked + 1)
                .map(found -> found.stream().map(RegistrationDocument::of).toList())
                .map(found -> Listing.of(found, checked, one -> one.id().toString()));
    }

    /** Registers a platform; it may launch at once. 409 when this client id of this issuer is registered already. */
    @PostMapping("/registrations")
    @ResponseStatus(HttpStatus.CREATED)
    Mono<RegistrationDocument> create(@Valid @RequestBody RegistrationRequest request, Operator operator) {
        return desk.create(request, operator).map(RegistrationDocument::of);
    }

    /** One registration. */
    @GetMapping("/registrations/{id}")
    Mono<RegistrationDocument> find(@PathVariable UUID id) {
        return desk.find(id).map(RegistrationDocument::of);
    }

    /** Changes the fields that are given. 409 for what the configuration says: change it there. */
    @PatchMapping("/registrations/{id}")
    Mono<RegistrationDocument> change(
            @PathVariable UUID id, @Valid @RequestBody RegistrationChange change, Operator operator) {
        return desk.change(id, change, operator).map(RegistrationDocument::of);
    }

    /** Removes a registration that nobody launched from; 409 otherwise: pause it instead. */
    @DeleteMapping("/registrations/{id}")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> delete(@PathVariable UUID id, Operator operator) {
        return desk.delete(id, operator);
    }

    /** Refuses launches of this registration from now on, also those under way. */
    @PostMapping("/registrations/{id}/pause")
    Mono<RegistrationDocument> pause(@PathVariable UUID id, Operator operator) {
        return desk.pause(id, true, operator).map(RegistrationDocument::of);
    }

    /** Lets a paused registration launch again. */
    @PostMapping("/registrations/{id}/resume")
    Mono<RegistrationDocument> resume(@PathVariable UUID id, Operator operator) {
        return desk.pause(id, false, operator).map(RegistrationDocument::of);
    }

    /** Approves a platform that registered itself; it may launch from now on. */
    @PostMapping("/registrations/{id}/approve")
    Mono<RegistrationDocument> approve(@PathVariable UUID id, Operator operator) {
        return desk.decide(id, Approval.APPROVED, operator).map(RegistrationDocument::of);
    }

    /** Refuses a platform that registered itself. */
    @PostMapping("/registrations/{id}/deny")
    Mono<RegistrationDocument> deny(@PathVariable UUID id, Operator operator) {
        return desk.decide(id, Approval.DENIED, operator).map(RegistrationDocument::of);
    }

    /** Up to 200 deployments of a registration, the one seen last first; pending ones wait for a decision. */
    @GetMapping("/registrations/{id}/deployments")
    Mono<Listing<RegistrationDesk.Deployment>> deployments(@PathVariable UUID id) {
        return desk.deployments(id, Listing.MAX_LIMIT).map(found -> new Listing<>(found, null));
    }

    /** Lets a deployment launch (active) or refuses it (blocked), which ends its sessions, whether it was seen before or not. */
    @PutMapping("/registrations/{id}/deployments")
    Mono<RegistrationDocument> decide(
            @PathVariable UUID id, @Valid @RequestBody DeploymentDecision decision, Operator operator) {
        if (decision.state() == DeploymentState.PENDING) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "state must be active or blocked");
        }
        return desk.decide(id, decision.deploymentId(), decision.state(), operator)
                .map(RegistrationDocument::of);
    }

    /**
     * Who changed what about registrations and keys, newest first.
     *
     * @param registration only changes of this registration
     * @param before only those older than this id
     * @param limit 1 to 200
     */
    @GetMapping("/lti/audit")
    Mono<Listing<Audit.Entry>> audit(
            @RequestParam(required = false) @Nullable UUID registration,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") int limit) {
        int checked = limit(limit);
        return audit.list(registration, before, checked + 1)
                .map(found -> Listing.of(found, checked, one -> one.id().toString()));
    }

    private static int limit(int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
        }
        return limit;
    }

    /**
     * What to do about a deployment.
     *
     * @param deploymentId the platform's id of it
     * @param state active or blocked
     */
    record DeploymentDecision(
            @NotBlank @Size(max = 255) String deploymentId,
            @NotNull DeploymentState state) {}
}
