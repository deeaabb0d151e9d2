package org.lectern.app.lti.service.http;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.lectern.app.lti.platform.OutboundGuard;
import org.lectern.app.lti.platform.PlatformHttp;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.UnacceptableAddressException;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.core.io.buffer.DataBufferLimitException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/**
 * Sends requests to platforms.
 *
 * <p>Each attempt is bounded in time and size, follows no redirect and uses the small connection pool of its platform's
 * host. An answer of 429, 502, 503, 504 or 5xx, or none, is tried again with growing, spread pauses, at least as long as
 * {@code Retry-After} asks; where that is longer than {@code longest-wait} the failure tells it and the caller's job comes
 * back later.
 *
 * <p>Addresses in a registration that an administrator typed in are trusted, and so is whatever has the same origin as
 * one of them; every other address must be public https ({@link OutboundGuard}). Thread-safe, non-blocking.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class ServiceHttp {

    private final ServiceProperties settings;
    private final MeterRegistry meters;
    private final SecureRandom random;
    private final Clock clock;
    private final PlatformHttp.Clients clients;

    ServiceHttp(PlatformHttp http, ServiceProperties settings, MeterRegistry meters, SecureRandom random, Clock clock) {
        this.settings = settings;
        this.meters = meters;
        this.random = random;
        this.clock = clock;
        this.clients = http.clients("lti-services", settings.timeout(), settings.connections(), settings.maxBytes());
    }

    /**
     * Sends a request until it is answered or the attempts are used up.
     *
     * @param headers adds headers, such as the credentials, to each attempt
     * @return the answer, if its status is 2xx or 401; errors with {@link PlatformFailureException} for everything else
     */
    public Mono<PlatformAnswer> send(
            Registration registration, PlatformRequest request, Consumer<HttpHeaders> headers) {
        return attempt(registration, () -> request, headers, 1);
    }

    /** Sends a request that is made anew for each attempt, since what it carries counts once. */
    public Mono<PlatformAnswer> send(Registration registration, Supplier<PlatformRequest> request) {
        return attempt(registration, request, headers -> {}, 1);
    }

    /** Whether two addresses have the same scheme, host and port. */
    public static boolean sameOrigin(URI one, URI other) {
        return Objects.equals(origin(one), origin(other));
    }

    private Mono<PlatformAnswer> attempt(
            Registration registration, Supplier<PlatformRequest> made, Consumer<HttpHeaders> headers, int attempt) {
        PlatformRequest request = made.get();
        return once(registration, request, headers).onErrorResume(PlatformFailureException.class, failure -> {
            if (attempt >= settings.attempts() || !mayRepeat(request, failure)) {
                return Mono.error(failure);
            }
            Duration pause = RetryPause.after(
                    attempt, settings.backoff(), settings.longestWait(), failure.retryAfter(), random.nextDouble());
            if (pause.compareTo(settings.longestWait()) > 0) {
                return Mono.error(failure);
            }
            count(request, "retried");
            return Mono.delay(pause).then(Mono.defer(() -> attempt(registration, made, headers, attempt + 1)));
        });
    }

    private static boolean mayRepeat(PlatformRequest request, PlatformFailureException failure) {
        return failure.kind() == PlatformFailureException.Kind.PASSING
                && (request.repeatable() || failure.status() == 429 || failure.status() == 503);
    }

    private Mono<PlatformAnswer> once(
            Registration registration, PlatformRequest request, Consumer<HttpHeaders> headers) {
        WebClient client;
        try {
            client = clients.to(request.uri(), trusted(registration, request.uri()));
        } catch (UnacceptableAddressException refused) {
            return Mono.error(new PlatformFailureException(
                    PlatformFailureException.Kind.NOT_OFFERED, "the address of the service may not be called"));
        }
        WebClient.RequestBodySpec spec = client.method(request.method())
                .uri(request.uri())
                .header(HttpHeaders.ACCEPT, request.accept())
                .headers(headers);
        String body = request.body();
        String contentType = request.contentType();
        if (body != null && contentType != null) {
            spec.contentType(MediaType.parseMediaType(contentType)).bodyValue(body);
        }
        Timer.Sample sample = Timer.start(meters);
        return spec.exchangeToMono(response -> answer(request, response))
                .timeout(settings.timeout())
                .onErrorMap(failure -> failure(request, failure))
                .doOnSuccess(answer -> stop(sample, request, "answered"))
                .doOnError(failure -> stop(
                        sample,
                        request,
                        failure instanceof PlatformFailureException known
                                        && known.kind() == PlatformFailureException.Kind.REFUSED
                                ? "refused"
                                : "failed"));
    }

    private Mono<PlatformAnswer> answer(PlatformRequest request, ClientResponse response) {
        int status = response.statusCode().value();
        if ((status >= 200 && status < 300) || status == 401) {
            return response.bodyToMono(String.class)
                    .defaultIfEmpty("")
                    .map(body -> new PlatformAnswer(
                            request.uri(), status, response.headers().asHttpHeaders(), body));
        }
        boolean passing = status == 429 || status >= 500 || status == 408;
        Duration retryAfter =
                RetryPause.asked(response.headers().asHttpHeaders().getFirst(HttpHeaders.RETRY_AFTER), clock.instant());
        return response.releaseBody()
                .then(Mono.error(new PlatformFailureException(
                        passing ? PlatformFailureException.Kind.PASSING : PlatformFailureException.Kind.REFUSED,
                        request + " was answered with " + status,
                        status,
                        retryAfter)));
    }

    private static Throwable failure(PlatformRequest request, Throwable failure) {
        if (failure instanceof PlatformFailureException) {
            return failure;
        }
        boolean tooLarge = Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .limit(5)
                .anyMatch(DataBufferLimitException.class::isInstance);
        return tooLarge
                ? new PlatformFailureException(
                        PlatformFailureException.Kind.UNUSABLE, request + " was answered with too much")
                : new PlatformFailureException(
                        PlatformFailureException.Kind.PASSING,
                        request + " was not answered: " + failure.getClass().getSimpleName());
    }

    private static boolean trusted(Registration registration, URI uri) {
        return registration.trustedAddresses()
                && Stream.of(registration.tokenEndpoint(), registration.jwksUri(), registration.authorizationEndpoint())
                        .filter(Objects::nonNull)
                        .anyMatch(trustedAddress -> sameOrigin(trustedAddress, uri));
    }

    private static String origin(URI uri) {
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
        return scheme + "://" + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT) + ":" + port;
    }

    private void stop(Timer.Sample sample, PlatformRequest request, String outcome) {
        sample.stop(meters.timer("lectern.lti.service.calls", "service", request.service(), "outcome", outcome));
    }

    private void count(PlatformRequest request, String outcome) {
        meters.counter("lectern.lti.service.attempts", "service", request.service(), "outcome", outcome)
                .increment();
    }
}
