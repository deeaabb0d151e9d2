package org.lectern.app.lti.service.call;

import java.net.URI;
import java.util.Collection;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.lectern.app.lti.platform.Registration;

/**
 * Where a platform's services may be. A launch names their addresses; a token of the platform goes only to those that its
 * registration or the configuration vouches for.
 */
final class ServiceOrigins {

    private ServiceOrigins() {}

    /** The addresses of a registration. */
    static Stream<URI> own(Registration registration) {
        return Stream.concat(
                Stream.of(registration.authorizationEndpoint(), registration.tokenEndpoint(), registration.jwksUri())
                        .filter(Objects::nonNull),
                issuer(registration.issuer()));
    }

    /**
     * Whether the settings name a service's host for an issuer.
     *
     * @param hosts {@code issuer's host=service's host}, in lower case; a leading {@code *.} stands for any host below
     * @param service an https address of the default port, or it is not meant
     */
    static boolean named(Collection<String> hosts, String issuer, URI service) {
        String host = service.getHost();
        if (host == null
                || !"https".equalsIgnoreCase(service.getScheme())
                || (service.getPort() != -1 && service.getPort() != 443)) {
            return false;
        }
        String asked = host.toLowerCase(Locale.ROOT);
        return issuer(issuer)
                .map(URI::getHost)
                .map(known -> known.toLowerCase(Locale.ROOT) + "=")
                .anyMatch(prefix -> hosts.stream()
                        .filter(pair -> pair.startsWith(prefix))
                        .map(pair -> pair.substring(prefix.length()))
                        .anyMatch(named -> named.startsWith("*.")
                                ? asked.endsWith(named.substring(1)) && asked.length() > named.length() - 1
                                : asked.equals(named)));
    }

    /** An issuer need not be an address; one that is none has no origin. */
    private static Stream<URI> issuer(String issuer) {
        try {
            URI address = URI.create(issuer);
            return address.getHost() == null ? Stream.empty() : Stream.of(address);
        } catch (IllegalArgumentException noAddress) {
            return Stream.empty();
        }
    }
}
