package org.lectern.app.lti.service.message;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** What people asked for their data: operators list it and say what became of it. */
@RestController
@RequestMapping("/api/ops/lti/privacy-requests")
@ConditionalOnRole(NodeRole.WEB)
class PrivacyDeskController {

    private final PrivacyDesk desk;

    PrivacyDeskController(PrivacyDesk desk) {
        this.desk = desk;
    }

    /**
     * Requests for a copy or the removal of somebody's data, newest first.
     *
     * @param waiting only those that nobody has settled (default true)
     * @param before only those older than this id
     * @param limit 1 to 200
     */
    @GetMapping
    Mono<Listing<PrivacyDesk.Request>> list(
            @RequestParam(defaultValue = "true") boolean waiting,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") @Min(1) @Max(Listing.MAX_LIMIT) int limit) {
        return desk.list(waiting, before, limit + 1)
                .map(found -> Listing.of(found, limit, one -> one.id().toString()));
    }

    /** Says what became of a request. 409 when that was said before. */
    @PostMapping("/{id}/settle")
    Mono<PrivacyDesk.Request> settle(
            @PathVariable UUID id, @Valid @RequestBody Settlement settlement, Operator operator) {
        return desk.settle(id, settlement.outcome(), settlement.note(), operator);
    }

    /**
     * What became of a request.
     *
     * @param outcome {@code done} or {@code refused}
     * @param note for other operators
     */
    record Settlement(
            @NotNull @Pattern(regexp = "done|refused") String outcome,
            @Nullable @Size(max = 1000) String note) {}
}
