package org.lectern.app.lti.service.grade;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.lectern.app.lti.launch.LaunchFacts;
import org.lectern.app.lti.launch.LaunchListener;
import org.lectern.app.lti.launch.MessageType;
import org.lectern.app.lti.service.endpoint.Offer;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.session.LaunchTarget;
import org.lectern.db.ContextId;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * A link with a line item of its own is graded: what it leads to gets that column. The scores Lectern sends for it are
 * out of 100, whatever the platform's maximum: the platform scales them (AGS 2.0, 3.4.7).
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class LinkedColumns implements LaunchListener {

    static final double MAXIMUM = 100;

    private final Gradebook gradebook;
    private final Cache<Place, URI> written = Caffeine.newBuilder()
            .maximumSize(10_000)
            .expireAfterWrite(Duration.ofMinutes(10))
            .build();

    LinkedColumns(Gradebook gradebook) {
        this.gradebook = gradebook;
    }

    @Override
    public Mono<Void> launched(LaunchFacts facts) {
        if (facts.type() != MessageType.RESOURCE_LINK) {
            return Mono.empty();
        }
        Optional<URI> url = Offer.in(facts.claims()).stream()
                .filter(offer -> offer.kind() == ServiceKind.LINE_ITEM)
                .map(Offer::url)
                .findFirst();
        Optional<GradedResource> resource = resource(facts);
        if (url.isEmpty() || resource.isEmpty()) {
            return Mono.empty();
        }
        var place = new Place(facts.context(), resource.get());
        if (url.get().equals(written.getIfPresent(place))) {
            return Mono.empty();
        }
        return gradebook
                .connectLaunched(
                        facts.context(), new Column(resource.get(), url.get(), null, MAXIMUM), facts.resourceLinkId())
                .doOnSuccess(done -> written.put(place, url.get()));
    }

    private static Optional<GradedResource> resource(LaunchFacts facts) {
        String item = facts.item();
        if (facts.target() == LaunchTarget.VIDEO && item != null) {
            return Optional.of(GradedResource.video(UUID.fromString(item)));
        }
        return facts.target() == LaunchTarget.CHAT ? Optional.of(GradedResource.PARTICIPATION) : Optional.empty();
    }

    private record Place(ContextId context, GradedResource resource) {}
}
