package org.lectern.app.lti.service.roster;

import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.http.ServiceHttp;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Reads rosters (NRPS 2.0, section 2.4): all pages or none, and the differences since the last reading where the
 * platform can tell them.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class RosterSource {

    private static final Set<String> SCOPES =
            Set.of("https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly");
    private static final String TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json";

    private final ServiceCalls calls;
    private final ServiceProperties settings;

    RosterSource(ServiceCalls calls, ServiceProperties settings) {
        this.calls = calls;
        this.settings = settings;
    }

    /**
     * Reads what is ordered.
     *
     * @param since where the platform tells the differences, or null for everybody; a platform that refuses to tell
     *     them any more is asked for everybody
     */
    Mono<Reading> read(Endpoint endpoint, RosterOrder order, @Nullable URI since) {
        boolean changes =
                since != null && !order.whole() && order.everybody() && ServiceHttp.sameOrigin(endpoint.url(), since);
        if (!changes || since == null) {
            return whole(endpoint, order);
        }
        return pages(endpoint, since, true)
                .onErrorResume(
                        PlatformFailureException.class,
                        failure -> failure.kind() == Kind.REFUSED ? whole(endpoint, order) : Mono.error(failure));
    }

    private Mono<Reading> whole(Endpoint endpoint, RosterOrder order) {
        Map<String, String> query = new LinkedHashMap<>();
        query.put("limit", String.valueOf(settings.pageSize()));
        if (order.role() != null) {
            query.put("role", order.role());
        }
        if (order.resourceLink() != null) {
            query.put("rlid", order.resourceLink());
        }
        return pages(endpoint, PlatformRequest.address(endpoint.url(), query), false)
                .filter(reading -> !reading.members().isEmpty() || !order.everybody())
                // Somebody teaches every course: a roster of nobody is a platform's fault, never an empty class.
                .switchIfEmpty(Mono.error(() ->
                        new PlatformFailureException(Kind.UNUSABLE, "the platform's roster of the course is empty")));
    }

    private Mono<Reading> pages(Endpoint endpoint, URI address, boolean changes) {
        return calls.pages(endpoint.registration(), SCOPES, PlatformRequest.get("roster", address, TYPE))
                .flatMap(pages -> ServiceCalls.elements(pages, "members")
                        .map(RosterMember::of)
                        .collectList()
                        .map(members -> new Reading(members, pages.differences(), changes)));
    }

    /**
     * What was read.
     *
     * @param members the people, in the platform's order
     * @param differences where the next reading may go on
     * @param changes whether it is only what has changed
     */
    record Reading(List<RosterMember> members, Optional<URI> differences, boolean changes) {

        /** Copies the list. */
        Reading {
            members = List.copyOf(members);
        }
    }
}
