package org.lectern.app.lti.registration;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a platform says of itself (LTI Dynamic Registration 1.0, section 3.4), as far as Lectern needs it.
 *
 * @param issuer its {@code iss}
 * @param authorizationEndpoint where logins are sent
 * @param tokenEndpoint where service tokens come from
 * @param tokenAudience {@code authorization_server}: what the token endpoint is called in assertions; null when the
 *     platform does not say, which means its address
 * @param jwksUri where its keys are
 * @param registrationEndpoint where a tool registers
 * @param scopes the scopes it offers
 * @param claims the claims it offers
 * @param messages the messages it offers
 * @param product what it is, such as {@code moodle}; null when it does not say
 */
record PlatformConfiguration(
        String issuer,
        URI authorizationEndpoint,
        URI tokenEndpoint,
        @Nullable String tokenAudience,
        URI jwksUri,
        URI registrationEndpoint,
        Set<String> scopes,
        Set<String> claims,
        Set<String> messages,
        @Nullable String product) {

    private static final String PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration";
    private static final int URI_LIMIT = 2048;
    private static final int ISSUER_LIMIT = 512;
    private static final int LIST_LIMIT = 200;

    /**
     * Reads the document.
     *
     * @throws RegistrationRefusedException when something that is needed is missing or of no use
     */
    static PlatformConfiguration of(Map<?, ?> document) {
        if (!(document.get(PLATFORM) instanceof Map<?, ?> platform)) {
            throw new RegistrationRefusedException("The platform's configuration says nothing about LTI");
        }
        List<?> algorithms = list(document, "id_token_signing_alg_values_supported");
        if (!algorithms.isEmpty() && !algorithms.contains("RS256") && !algorithms.contains("ES256")) {
            throw new RegistrationRefusedException("The platform signs neither by RS256 nor by ES256");
        }
        List<?> methods = list(document, "token_endpoint_auth_methods_supported");
        if (!methods.isEmpty() && !methods.contains("private_key_jwt")) {
            throw new RegistrationRefusedException("The platform's token endpoint does not take private_key_jwt");
        }
        return new PlatformConfiguration(
                text(document, "issuer", ISSUER_LIMIT),
                address(document, "authorization_endpoint"),
                address(document, "token_endpoint"),
                document.containsKey("authorization_server")
                        ? text(document, "authorization_server", ISSUER_LIMIT)
                        : null,
                address(document, "jwks_uri"),
                address(document, "registration_endpoint"),
                texts(list(document, "scopes_supported")),
                texts(list(document, "claims_supported")),
                list(platform, "messages_supported").stream()
                        .map(message -> message instanceof Map<?, ?> one ? one.get("type") : message)
                        .filter(String.class::isInstance)
                        .map(String.class::cast)
                        .collect(Collectors.toUnmodifiableSet()),
                platform.get("product_family_code") instanceof String product && product.length() <= 100
                        ? product
                        : null);
    }

    /** The host of the issuer, or empty when it has none. */
    String issuerHost() {
        URI address = parsed(issuer);
        String host = address == null ? null : address.getHost();
        return host == null ? "" : host;
    }

    private static URI address(Map<?, ?> document, String name) {
        URI address = parsed(text(document, name, URI_LIMIT));
        if (address == null || !address.isAbsolute() || address.getHost() == null || address.getFragment() != null) {
            throw new RegistrationRefusedException("The platform's " + name + " is no address");
        }
        return address;
    }

    private static @Nullable URI parsed(String text) {
        try {
            return new URI(text);
        } catch (URISyntaxException e) {
            return null;
        }
    }

    private static String text(Map<?, ?> document, String name, int limit) {
        if (document.get(name) instanceof String text
                && !text.isBlank()
                && text.length() <= limit
                && text.chars().allMatch(c -> c > ' ' && c <= '~')) {
            return text;
        }
        throw new RegistrationRefusedException("The platform's configuration has no usable " + name);
    }

    private static List<?> list(Map<?, ?> document, String name) {
        return document.get(name) instanceof List<?> list
                ? list.stream().limit(LIST_LIMIT).toList()
                : List.of();
    }

    private static Set<String> texts(List<?> values) {
        return values.stream()
                .filter(String.class::isInstance)
                .map(String.class::cast)
                .collect(Collectors.toUnmodifiableSet());
    }
}
