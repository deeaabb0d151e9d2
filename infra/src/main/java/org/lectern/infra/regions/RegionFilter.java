package org.lectern.infra.regions;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lectern.db.replica.PreferredRegion;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;

/** Finds the region of a request and leaves it in the exchange's attribute {@link #ATTRIBUTE} and in Reactor's context. */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 20)
public class RegionFilter implements WebFilter {

    /** Holds the {@link Region} of the exchange. */
    public static final String ATTRIBUTE = Region.class.getName();

    private final RegionSettings settings;

    RegionFilter(RegionSettings settings) {
        this.settings = settings;
    }

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        Region region = region(exchange.getRequest().getHeaders());
        exchange.getAttributes().put(ATTRIBUTE, region);
        return chain.filter(exchange)
                .contextWrite(context -> PreferredRegion.of(region.key()).apply(context.put(Region.class, region)));
    }

    private Region region(HttpHeaders headers) {
        return value(headers, settings.regionHeader())
                .flatMap(Region::of)
                .or(() -> value(headers, settings.countryHeader()).map(Region::ofCountry))
                .orElse(settings.home());
    }

    private static Optional<String> value(HttpHeaders headers, @Nullable String name) {
        return name == null || name.isBlank() ? Optional.empty() : Optional.ofNullable(headers.getFirst(name));
    }
}
