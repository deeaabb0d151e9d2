package org.lectern.app.lti.launch;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.lectern.app.session.LaunchTarget;
import org.springframework.web.util.UriComponentsBuilder;

/**
 * Reads where a {@code target_link_uri} leads. The form to register is {@code /lti/launch?target=chat} (or video,
 * dashboard, ops); the address of a page itself ({@code /chat}) is understood as well. Where the address does not say,
 * the launch's custom parameter {@code target} does, and else it is the chat.
 */
final class LaunchTargets {

    static final int LIMIT = 2048;

    private static final Pattern ITEM = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private LaunchTargets() {}

    /** Whether an address is a page of this server. */
    static boolean ours(String address, URI origin) {
        URI uri = parsed(address);
        return uri != null
                && Objects.equals(uri.getScheme(), origin.getScheme())
                && origin.getHost().equalsIgnoreCase(uri.getHost())
                && port(uri) == port(origin)
                && uri.getRawUserInfo() == null
                && uri.getRawFragment() == null
                && (isLaunchAddress(uri) ? queryIsKnown(uri) : page(uri).isPresent());
    }

    /** The target of an address that is {@link #ours}. */
    static LaunchTarget of(String address, @Nullable Map<?, ?> custom) {
        URI uri = Objects.requireNonNull(parsed(address));
        return page(uri)
                .or(() -> queried(uri, "target").flatMap(LaunchTargets::linkable))
                .or(() -> Optional.ofNullable(custom)
                        .map(parameters -> Claims.text(parameters, "target"))
                        .flatMap(LaunchTargets::linkable))
                .orElse(LaunchTarget.CHAT);
    }

    /** What on the page a link is about: the id of a video. Null when it says nothing, or no id. */
    static @Nullable String item(String address, @Nullable Map<?, ?> custom) {
        return queried(Objects.requireNonNull(parsed(address)), "item")
                .or(() -> Optional.ofNullable(custom).map(parameters -> Claims.text(parameters, "item")))
                .filter(item -> ITEM.matcher(item).matches())
                .orElse(null);
    }

    private static @Nullable URI parsed(String address) {
        try {
            return address.length() > LIMIT ? null : new URI(address);
        } catch (URISyntaxException e) {
            return null;
        }
    }

    private static int port(URI uri) {
        return uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
    }

    private static boolean isLaunchAddress(URI uri) {
        String path = uri.getRawPath();
        return path.isEmpty() || path.equals("/") || path.equals("/lti/launch");
    }

    private static Optional<LaunchTarget> page(URI uri) {
        String path = uri.getRawPath();
        return path.startsWith("/") ? linkable(path.substring(1)) : Optional.empty();
    }

    private static boolean queryIsKnown(URI uri) {
        return queried(uri, "target")
                .map(target -> linkable(target).isPresent())
                .orElse(true);
    }

    private static Optional<LaunchTarget> linkable(String key) {
        return LaunchTarget.of(key).filter(LaunchTarget::linkable);
    }

    private static Optional<String> queried(URI uri, String name) {
        return Optional.ofNullable(
                UriComponentsBuilder.fromUri(uri).build().getQueryParams().getFirst(name));
    }
}
