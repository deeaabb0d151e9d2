package org.lectern.app.ops;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import java.util.List;
import org.lectern.app.edge.EdgePurge;
import org.lectern.infra.cache.Cache;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Lets operators have things forgotten: by every node, by Redis and by a CDN in front. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class CacheController {

    private static final Logger log = LoggerFactory.getLogger(CacheController.class);

    private final Cache cache;
    private final EdgePurge edge;

    CacheController(Cache cache, EdgePurge edge) {
        this.cache = cache;
        this.edge = edge;
    }

    /**
     * What is to be forgotten.
     *
     * @param pattern {@code family:key}, {@code family:prefix*}, {@code family:*}, or a tag of the edge alone, as {@code
     *     assets} or {@code static}
     */
    record Purge(
            @NotNull @Pattern(regexp = "[a-z0-9-]{1,50}(?::.{1,500})?")
            String pattern) {}

    /**
     * What became of it.
     *
     * @param pattern what was asked for
     * @param edge whether a CDN was told too: there may be none
     */
    record Purged(String pattern, boolean edge) {}

    /** Forgets values: of every node's memory and of Redis, and of the CDN what is tagged with the family's name. */
    @PostMapping("/api/ops/cache/purge")
    Mono<Purged> purge(@Valid @RequestBody Purge purge, Operator operator) {
        String pattern = purge.pattern();
        int colon = pattern.indexOf(':');
        String tag = colon < 0 ? pattern : pattern.substring(0, colon);
        return Mono.deferContextual(context -> {
                    TraceScope.run(context, () -> log.info("{} has {} forgotten", operator.name(), pattern));
                    return cache.invalidate(colon < 0 ? pattern + ":*" : pattern);
                })
                .then(edge.purge(List.of(tag)))
                .onErrorMap(
                        failure -> new ProblemException(ProblemType.UNAVAILABLE, "The CDN did not confirm the purge"))
                .map(told -> new Purged(pattern, told));
    }
}
