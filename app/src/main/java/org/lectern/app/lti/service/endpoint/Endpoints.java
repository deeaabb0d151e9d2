package org.lectern.app.lti.service.endpoint;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.r2dbc.spi.Readable;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.lectern.app.lti.launch.LaunchFacts;
import org.lectern.app.lti.launch.LaunchListener;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * The services of courses, in the directory database. A launch that tells nothing new costs nothing: each node remembers
 * for ten minutes what it wrote.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
@Order(Ordered.HIGHEST_PRECEDENCE)
public class Endpoints implements LaunchListener {

    private final Directory directory;
    private final Clock clock;
    private final Cache<Place, List<Offer>> written = Caffeine.newBuilder()
            .maximumSize(10_000)
            .expireAfterWrite(Duration.ofMinutes(10))
            .build();

    Endpoints(Directory directory, Clock clock) {
        this.directory = directory;
        this.clock = clock;
    }

    @Override
    public Mono<Void> launched(LaunchFacts facts) {
        List<Offer> offers = Offer.in(facts.claims());
        String link = Objects.requireNonNullElse(facts.resourceLinkId(), "");
        var place = new Place(facts.context(), link);
        if (offers.isEmpty() || offers.equals(written.getIfPresent(place))) {
            return Mono.empty();
        }
        return directory
                .write(sql -> Batch.of(offers.stream()
                                // A line item without a link would pass for the whole course's.
                                .filter(offer -> !offer.kind().ofLink() || !link.isEmpty())
                                .toList())
                        .column("links", String.class, offer -> offer.kind().ofLink() ? link : "")
                        .column("services", String.class, offer -> offer.kind().key())
                        .column("urls", String.class, offer -> offer.url().toString())
                        // A scope has no blanks (Offer).
                        .column("scopes", String.class, offer -> String.join(" ", new TreeSet<>(offer.scopes())))
                        .bindTo(sql.sql("""
                                        insert into lti_service (context_id, resource_link_id, service, url, scopes,
                                            updated_at)
                                        select :context, link, service, url, string_to_array(scopes, ' '), :now
                                        from unnest(:links::text[], :services::text[], :urls::text[], :scopes::text[])
                                            as offered (link, service, url, scopes)
                                        order by link, service
                                        on conflict (context_id, resource_link_id, service) do update
                                        set url = excluded.url, scopes = excluded.scopes, updated_at = excluded.updated_at
                                        where (lti_service.url, lti_service.scopes)
                                            is distinct from (excluded.url, excluded.scopes)""")
                                .bind("context", facts.context().value())
                                .bind("now", clock.instant()))
                        .fetch()
                        .rowsUpdated()
                        .then(Mono.just(offers)))
                .doOnNext(done -> written.put(place, done))
                .then();
    }

    /** A service of the whole course; empty when no launch offered it, or the platform is paused or not approved. */
    public Mono<Endpoint> find(ContextId context, ServiceKind kind) {
        return find(context, kind, "");
    }

    /**
     * A service of a link.
     *
     * @param link LTI's id of the link; empty for the whole course
     */
    public Mono<Endpoint> find(ContextId context, ServiceKind kind, String link) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select s.url, s.scopes, c.deployment_id, " + Registrations.COLUMNS + """

                                from lti_service s
                                join lti_context c on c.context_id = s.context_id
                                join lti_registration r on r.id = c.registration_id
                                where s.context_id = :context and s.service = :service and s.resource_link_id = :link""")
                                .bind("context", context.value())
                                .bind("service", kind.key())
                                .bind("link", link)
                                .map(row -> endpoint(row, context, kind))
                                .one())
                .next()
                .filter(found -> found.registration().open());
    }

    private static Endpoint endpoint(Readable row, ContextId context, ServiceKind kind) {
        return new Endpoint(
                Registrations.registration(row),
                Objects.requireNonNull(row.get("deployment_id", String.class)),
                context,
                kind,
                URI.create(Objects.requireNonNull(row.get("url", String.class))),
                Set.copyOf(List.of(Objects.requireNonNull(row.get("scopes", String[].class)))));
    }

    private record Place(ContextId context, String link) {}
}
