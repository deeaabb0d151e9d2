package org.lectern.app.lti.service.call;

import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.app.lti.service.http.PlatformAnswer;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.http.ServiceHttp;
import org.lectern.app.lti.service.token.AccessToken;
import org.lectern.app.lti.service.token.ServiceTokens;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Calls platforms' services with their tokens. A refused token is renewed once. Thread-safe, non-blocking. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class ServiceCalls {

    /** Limits of one list over all its pages. */
    private static final long MAX_CHARACTERS = 32L * 1024 * 1024;

    private static final long MAX_ELEMENTS = 100_000;

    private final ServiceHttp http;
    private final ServiceTokens tokens;
    private final ServiceProperties settings;
    private final JsonMapper json;

    ServiceCalls(ServiceHttp http, ServiceTokens tokens, ServiceProperties settings, JsonMapper json) {
        this.http = http;
        this.tokens = tokens;
        this.settings = settings;
        this.json = json;
    }

    /**
     * Sends a request with a token.
     *
     * @return the answer, of status 2xx; errors with {@link PlatformFailureException}
     */
    public Mono<PlatformAnswer> call(Registration registration, Set<String> scopes, PlatformRequest request) {
        if (!isOf(registration, request.uri())) {
            return Mono.error(new PlatformFailureException(
                    Kind.NOT_OFFERED,
                    "the service is at " + request.uri().getHost()
                            + ", which is no address of the platform; lectern.lti.services.hosts can name it"));
        }
        return tokens.token(registration, scopes)
                .flatMap(token -> send(registration, request, token)
                        .flatMap(answer -> answer.status() == 401
                                ? tokens.renewed(registration, scopes, token)
                                        .flatMap(another -> send(registration, request, another))
                                : Mono.just(answer)))
                .flatMap(answer -> answer.status() == 401
                        ? Mono.error(new PlatformFailureException(
                                Kind.REFUSED, request + " refuses also a fresh token", 401, null))
                        : Mono.just(answer));
    }

    /** Sends a request and reads the answer as JSON. */
    public Mono<JsonNode> json(Registration registration, Set<String> scopes, PlatformRequest request) {
        return call(registration, scopes, request).map(this::parsed);
    }

    /**
     * Follows a list over all its pages. Whatever goes wrong with a page is an error of the whole: there is no partial
     * list. A list is bounded in pages, characters and elements, whatever the platform goes on answering.
     *
     * @return each page, and the {@code differences} link of the last one that had one
     */
    public Mono<Pages> pages(Registration registration, Set<String> scopes, PlatformRequest first) {
        return Mono.defer(() -> {
            var reading = new ListReading(first.uri(), settings.maxPages(), MAX_CHARACTERS, MAX_ELEMENTS);
            return call(registration, scopes, first)
                    .map(answer -> page(answer, reading))
                    .expand(page -> Mono.justOrEmpty(page.next())
                            .map(next -> PlatformRequest.get(first.service(), next, first.accept()))
                            .flatMap(request -> call(registration, scopes, request))
                            .map(answer -> page(answer, reading)))
                    .collectList()
                    .map(pages -> new Pages(
                            pages.stream().map(Page::body).toList(),
                            pages.stream()
                                    .flatMap(page -> page.differences().stream())
                                    .reduce((earlier, later) -> later)));
        });
    }

    /** The elements of an array in each page. */
    public static Flux<JsonNode> elements(Pages pages, String field) {
        return Flux.fromIterable(pages.bodies()).concatMapIterable(page -> {
            JsonNode list = field.isEmpty() ? page : page.path(field);
            if (!list.isArray()) {
                throw new PlatformFailureException(
                        Kind.UNUSABLE, "a page of the platform's list has no " + (field.isEmpty() ? "list" : field));
            }
            return list.values();
        });
    }

    /** Whether an address is the platform's own, or of a host that the settings name for it. No other gets its tokens. */
    private boolean isOf(Registration registration, URI service) {
        return ServiceOrigins.own(registration).anyMatch(own -> ServiceHttp.sameOrigin(own, service))
                || ServiceOrigins.named(settings.hosts(), registration.issuer(), service);
    }

    private Mono<PlatformAnswer> send(Registration registration, PlatformRequest request, AccessToken token) {
        return http.send(registration, request, headers -> headers.setBearerAuth(token.value()));
    }

    private JsonNode parsed(PlatformAnswer answer) {
        try {
            return json.readTree(answer.body());
        } catch (JacksonException noJson) {
            throw new PlatformFailureException(Kind.UNUSABLE, "the platform answered what is no JSON");
        }
    }

    private static Optional<URI> link(PlatformAnswer answer, String relation) {
        return PageLinks.find(answer.uri(), answer.headers().getOrEmpty(HttpHeaders.LINK), relation);
    }

    private Page page(PlatformAnswer answer, ListReading reading) {
        reading.took(answer.body().length());
        JsonNode body = parsed(answer);
        reading.parsed(body);
        Optional<URI> next = link(answer, "next");
        next.ifPresent(reading::follow);
        return new Page(body, next, link(answer, "differences"));
    }

    private record Page(JsonNode body, Optional<URI> next, Optional<URI> differences) {}

    /**
     * All pages of a list.
     *
     * @param bodies one for each page, in order
     * @param differences where the changes since then can be had, where the platform says so
     */
    public record Pages(List<JsonNode> bodies, Optional<URI> differences) {

        /** Copies the list. */
        public Pages {
            bodies = List.copyOf(bodies);
        }
    }
}
