package org.lectern.app.lti.migration;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import java.util.List;
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
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Moving a platform from LTI 1.1: its consumer keys and old ids, for operators. */
@RestController
@RequestMapping("/api/ops/registrations/{id}")
@ConditionalOnRole(NodeRole.WEB)
class LegacyController {

    private final LegacyAccounts accounts;

    LegacyController(LegacyAccounts accounts) {
        this.accounts = accounts;
    }

    /** Keeps a consumer key of LTI 1.1 and its shared secret, so that launches of this registration may vouch for it. */
    @PutMapping("/legacy-keys")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> keep(@PathVariable UUID id, @Valid @RequestBody LegacyKey key, Operator operator) {
        return accounts.keep(id, key.consumerKey(), key.secret(), operator);
    }

    /**
     * Forgets a consumer key; its claims count for nothing from now on.
     *
     * @param consumerKey the consumer key
     */
    @DeleteMapping("/legacy-keys")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> forget(
            @PathVariable UUID id, @RequestParam(name = "consumer_key") String consumerKey, Operator operator) {
        return accounts.forget(id, consumerKey, operator);
    }

    /** Brings old ids with Lectern's ids for them; an old id that is known stays as it is. */
    @PostMapping("/legacy-ids")
    Mono<Brought> bring(@PathVariable UUID id, @Valid @RequestBody LegacyIdList list, Operator operator) {
        return accounts.bring(
                        id,
                        list.consumerKey(),
                        list.items().stream()
                                .map(item -> new LegacyAccounts.Account(item.kind(), item.legacyId(), item.lecternId()))
                                .toList(),
                        operator)
                .map(Brought::new);
    }

    /**
     * Old ids and Lectern's ids for them, brought or noted at launches, in their order; here {@code next} goes on upwards.
     *
     * @param consumerKey the consumer key
     * @param before where the page before this one ended: its {@code next}
     * @param limit 1 to 200
     */
    @GetMapping("/legacy-ids")
    Mono<Listing<LegacyAccounts.Account>> list(
            @PathVariable UUID id,
            @RequestParam(name = "consumer_key") String consumerKey,
            @RequestParam(required = false) @Nullable String before,
            @RequestParam(defaultValue = "50") int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
        }
        return accounts.list(id, consumerKey, before, limit + 1)
                .map(found -> Listing.of(found, limit, one -> one.kind() + ":" + one.legacyId()));
    }

    /**
     * A consumer key.
     *
     * @param consumerKey {@code oauth_consumer_key}
     * @param secret its shared secret; it is sealed and never shown again
     */
    record LegacyKey(
            @NotBlank @Size(max = 255) String consumerKey,
            @NotBlank @Size(max = 1024) String secret) {

        /** Leaves the secret out. */
        @Override
        public String toString() {
            return "LegacyKey[consumerKey=" + consumerKey + "]";
        }
    }

    /**
     * Old ids.
     *
     * @param consumerKey the key under which they are unique
     * @param items at most a thousand
     */
    record LegacyIdList(
            @NotBlank @Size(max = 255) String consumerKey,

            @NotNull @Size(min = 1, max = 1000) List<@Valid Item> items) {}

    /**
     * An old id.
     *
     * @param kind user or context
     * @param legacyId the id in LTI 1.1
     * @param lecternId Lectern's id
     */
    record Item(
            @NotNull @Pattern(regexp = "user|context") String kind,
            @NotBlank @Size(max = 255) String legacyId,
            @NotNull UUID lecternId) {}

    /**
     * What came of it.
     *
     * @param brought how many old ids are new
     */
    record Brought(long brought) {}
}
