package org.lectern.app.demo;

import java.net.InetSocketAddress;
import java.util.Set;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.server.HandlerFunction;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/**
 * Keeps the demo LMS to this machine: the caller's address is loopback, the host name asked for is a loopback one (so no
 * foreign page reaches it by a name that it points here), and no proxy stands between.
 */
@Component
@ConditionalOnDemo
class DemoAccess {

    private static final Set<String> HOSTS = Set.of("localhost", "127.0.0.1", "[::1]");

    /** The filter of every route of the demo. */
    Mono<ServerResponse> local(ServerRequest request, HandlerFunction<ServerResponse> next) {
        return local(request)
                ? next.handle(request)
                : Mono.error(new ProblemException(
                        ProblemType.FORBIDDEN, "The demo LMS is open on the machine it runs on, nowhere else"));
    }

    private static boolean local(ServerRequest request) {
        boolean fromHere = request.remoteAddress()
                .map(InetSocketAddress::getAddress)
                .filter(address -> address.isLoopbackAddress())
                .isPresent();
        var headers = request.headers().asHttpHeaders();
        boolean proxied = headers.containsHeader("Forwarded")
                || headers.containsHeader("X-Forwarded-For")
                || headers.containsHeader("X-Forwarded-Host")
                || headers.containsHeader("Via");
        String host = request.uri().getHost();
        return fromHere && !proxied && host != null && HOSTS.contains(host);
    }
}
