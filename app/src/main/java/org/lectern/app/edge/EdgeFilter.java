package org.lectern.app.edge;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.cache.CacheKind;
import org.lectern.infra.cache.CacheSettings;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;
import reactor.core.publisher.Mono;

/**
 * Tells a CDN in front what it may keep, and keeps it from everything else.
 *
 * <p>What is the same for everybody is listed here with its kind and its tag, and carries headers that only a CDN obeys: for
 * how long ({@code CDN-Cache-Control} of RFC 9213, {@code Surrogate-Control}) and the tags it is purged by
 * ({@code Surrogate-Key}, {@code Cache-Tag}: the kind and the tag). Browsers, which nobody can purge, keep it too but ask
 * each time whether it still is right ({@code ETag}), unless the route says how long they need not.
 *
 * <p>Nothing else leaves here as {@code public} or with a time for shared caches, whatever its route said: an answer to
 * somebody is never everybody's.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 5)
class EdgeFilter implements WebFilter {

    static final String CDN_CACHE_CONTROL = "CDN-Cache-Control";
    static final String SURROGATE_CONTROL = "Surrogate-Control";
    static final String SURROGATE_KEY = "Surrogate-Key";
    static final String CACHE_TAG = "Cache-Tag";

    private static final long STALE_SECONDS = 60;

    /**
     * What may be kept.
     *
     * @param path where it is
     * @param kind for how long; of the edge's kinds
     * @param tag what it is purged by, besides its kind
     */
    private record Kept(PathPattern path, CacheKind kind, String tag) {

        static Kept of(String path, CacheKind kind, String tag) {
            if (!kind.edge()) {
                throw new IllegalArgumentException("the edge may not keep what is " + kind);
            }
            return new Kept(PathPatternParser.defaultInstance.parse(path), kind, tag);
        }
    }

    private static final List<Kept> KEPT = List.of(
            Kept.of("/css/**", CacheKind.STATIC, "assets"),
            Kept.of("/js/**", CacheKind.STATIC, "assets"),
            Kept.of("/vendor/**", CacheKind.STATIC, "assets"),
            Kept.of("/favicon.svg", CacheKind.STATIC, "assets"),
            Kept.of("/.well-known/jwks.json", CacheKind.STATIC, "keys"));

    private final CacheSettings cache;

    EdgeFilter(CacheSettings cache) {
        this.cache = cache;
    }

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        exchange.getResponse()
                .beforeCommit(() -> Mono.fromRunnable(() -> {
                    Kept kept = kept(exchange.getRequest());
                    ServerHttpResponse response = exchange.getResponse();
                    if (kept != null && mayBeKept(response)) {
                        keep(kept, response.getHeaders());
                    } else {
                        keepPrivate(response.getHeaders());
                    }
                }));
        return chain.filter(exchange);
    }

    private static @Nullable Kept kept(ServerHttpRequest request) {
        if (!request.getMethod().equals(HttpMethod.GET) && !request.getMethod().equals(HttpMethod.HEAD)) {
            return null;
        }
        return KEPT.stream()
                .filter(kept -> kept.path().matches(request.getPath().pathWithinApplication()))
                .findFirst()
                .orElse(null);
    }

    /** A cookie is somebody's, whatever it comes with. */
    private static boolean mayBeKept(ServerHttpResponse response) {
        if (!response.getCookies().isEmpty() || response.getHeaders().containsHeader(HttpHeaders.SET_COOKIE)) {
            return false;
        }
        HttpStatusCode status = response.getStatusCode();
        return status == null
                || status.value() == HttpStatus.OK.value()
                || status.value() == HttpStatus.NOT_MODIFIED.value();
    }

    private void keep(Kept kept, HttpHeaders headers) {
        String said = headers.getCacheControl();
        if (said == null || !said.contains("max-age=") || said.contains("no-store")) {
            headers.setCacheControl("public, no-cache");
            headers.remove(HttpHeaders.PRAGMA);
            headers.remove(HttpHeaders.EXPIRES);
            String time =
                    "max-age=" + cache.timeOf(kept.kind()).toSeconds() + ", stale-while-revalidate=" + STALE_SECONDS;
            headers.set(CDN_CACHE_CONTROL, time);
            headers.set(SURROGATE_CONTROL, time);
        }
        headers.set(SURROGATE_KEY, kept.kind().key() + " " + kept.tag());
        headers.set(CACHE_TAG, kept.kind().key() + "," + kept.tag());
        if (!headers.getVary().contains(HttpHeaders.ACCEPT_ENCODING)) {
            headers.add(HttpHeaders.VARY, HttpHeaders.ACCEPT_ENCODING);
        }
    }

    private static void keepPrivate(HttpHeaders headers) {
        String said = headers.getCacheControl();
        if (said != null && (said.contains("public") || said.contains("s-maxage"))) {
            headers.setCacheControl("private, no-store");
        }
        headers.remove(CDN_CACHE_CONTROL);
        headers.remove(SURROGATE_CONTROL);
    }
}
