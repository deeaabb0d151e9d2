package org.lectern.app.lti.service.deeplink;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.launch.Claims;
import org.lectern.app.lti.platform.Registration;

/**
 * A platform's request for content (Deep Linking 2.0, section 3.4).
 *
 * @param id our id of it
 * @param registration the platform
 * @param deploymentId the deployment it came from
 * @param returnUrl where the answer is posted to by the browser
 * @param data goes back unchanged, where the platform gave any
 * @param types types of content that the platform accepts
 * @param targets how it can present content: iframe, window or embed
 * @param multiple whether it takes several items at once
 * @param lineItems whether it takes line items with them
 * @param origin where links of ours lead
 */
record DeepLinkRequest(
        UUID id,
        Registration registration,
        String deploymentId,
        URI returnUrl,
        @Nullable String data,
        List<String> types,
        List<String> targets,
        boolean multiple,
        boolean lineItems,
        URI origin) {

    /** The one type of content that Lectern has. */
    static final String LINK = "ltiResourceLink";

    private static final String SETTINGS = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings";
    private static final int URL_LIMIT = 4096;
    private static final int DATA_LIMIT = 32_768;

    /** Copies the lists. */
    DeepLinkRequest {
        types = List.copyOf(types);
        targets = List.copyOf(targets);
    }

    /** Reads the settings; empty when the return address is none that a form may be posted to, or the data is too long. */
    static Optional<DeepLinkRequest> of(
            UUID id, Registration registration, String deploymentId, URI origin, Map<String, Object> claims) {
        Map<?, ?> settings = Claims.object(claims, SETTINGS);
        if (settings == null) {
            return Optional.empty();
        }
        URI returnUrl = returnUrl(Claims.text(settings, "deep_link_return_url"), registration);
        // Not by Claims.text: what looks like a variable, or is blank, goes back as well.
        String data = settings.get("data") instanceof String text ? text : null;
        if (returnUrl == null || (data != null && data.length() > DATA_LIMIT)) {
            return Optional.empty();
        }
        return Optional.of(new DeepLinkRequest(
                id,
                registration,
                deploymentId,
                returnUrl,
                data,
                Claims.texts(settings, "accept_types"),
                Claims.texts(settings, "accept_presentation_document_targets"),
                settings.get("accept_multiple") instanceof Boolean multiple && multiple,
                !(settings.get("accept_lineitem") instanceof Boolean lineItems) || lineItems,
                origin));
    }

    /** Whether the platform takes links at all. */
    boolean acceptsLinks() {
        return types.contains(LINK);
    }

    private static @Nullable URI returnUrl(@Nullable String text, Registration registration) {
        if (text == null || text.length() > URL_LIMIT) {
            return null;
        }
        try {
            URI uri = new URI(text);
            String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
            boolean web = scheme.equals("https") || (scheme.equals("http") && registration.trustedAddresses());
            return web && uri.getHost() != null && uri.getRawUserInfo() == null ? uri : null;
        } catch (URISyntaxException malformed) {
            return null;
        }
    }
}
