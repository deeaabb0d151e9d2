package org.lectern.app.edge;

import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.lectern.infra.cache.CacheKind;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Tells the CDN in front to forget what carries a tag. A node that has started does so for what is static: it may be of
 * another version than those before it. Metric: {@code lectern.edge.purges} by outcome.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class EdgePurge {

    private static final Logger log = LoggerFactory.getLogger(EdgePurge.class);
    private static final int RETRIES = 2;

    private final CdnSettings settings;
    private final MeterRegistry meters;
    private final WebClient client = WebClient.create();

    EdgePurge(CdnSettings settings, MeterRegistry meters) {
        this.settings = settings;
        this.meters = meters;
    }

    /**
     * Forgets what carries any of the tags.
     *
     * @return true when the CDN agreed; false when there is none; an error when it did not answer or refused
     */
    public Mono<Boolean> purge(List<String> tags) {
        URI address = settings.purgeUri();
        if (address == null) {
            return Mono.just(false);
        }
        return client.post()
                .uri(address)
                .headers(this::authenticate)
                .header(EdgeFilter.SURROGATE_KEY, String.join(" ", tags))
                .contentType(MediaType.APPLICATION_JSON)
                .bodyValue(Map.of("tags", tags))
                .retrieve()
                .toBodilessEntity()
                .timeout(settings.timeout())
                .retryWhen(Retry.backoff(RETRIES, Duration.ofMillis(200)))
                .thenReturn(true)
                .doOnNext(done -> count("done"))
                .doOnError(failure -> count("failed"));
    }

    @EventListener(ApplicationReadyEvent.class)
    Mono<Void> purgeAssets() {
        return purge(List.of(CacheKind.STATIC.key()))
                .onErrorResume(failure -> {
                    log.warn("The CDN was not told to forget the assets of the version before: {}", failure.toString());
                    return Mono.just(false);
                })
                .then();
    }

    private void authenticate(HttpHeaders headers) {
        String token = settings.token();
        if (token != null) {
            boolean bearer = settings.tokenHeader().equalsIgnoreCase(HttpHeaders.AUTHORIZATION);
            headers.set(settings.tokenHeader(), bearer ? "Bearer " + token : token);
        }
    }

    private void count(String outcome) {
        meters.counter("lectern.edge.purges", "outcome", outcome).increment();
    }
}
