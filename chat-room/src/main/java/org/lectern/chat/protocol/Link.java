package org.lectern.chat.protocol;

import java.net.URI;
import java.net.URISyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * Something on the web that is attached to a message. The server never fetches it; browsers do, when somebody follows it.
 *
 * @param url absolute, {@code http} or {@code https}
 * @param title what to show in its place; null for the address itself
 */
public record Link(String url, @Nullable String title) {

    /** The most characters of an address. */
    public static final int URL_LIMIT = 2000;

    /** The most characters of a title. */
    public static final int TITLE_LIMIT = 200;

    /** {@link URI} takes any number for a port; browsers take an address with a larger one for none. */
    private static final int PORT_LIMIT = 65_535;

    /**
     * Whether an address may be attached: http or https, with a host, without a name or password in it (which would
     * disguise the host), with no port that cannot be, and in plain ASCII without blanks.
     */
    public static boolean validUrl(String url) {
        if (url.length() > URL_LIMIT || !url.chars().allMatch(c -> c > ' ' && c <= '~' && c != '"' && c != '<')) {
            return false;
        }
        try {
            URI address = new URI(url);
            return ("http".equalsIgnoreCase(address.getScheme()) || "https".equalsIgnoreCase(address.getScheme()))
                    && address.getHost() != null
                    && (address.getPort() == -1 || (address.getPort() >= 1 && address.getPort() <= PORT_LIMIT))
                    && address.getRawUserInfo() == null;
        } catch (URISyntaxException e) {
            return false;
        }
    }

    /** Whether a title is one line of text. */
    public static boolean validTitle(String title) {
        return title.length() <= TITLE_LIMIT
                && MessageRules.validText(title)
                && title.chars().noneMatch(Character::isISOControl);
    }
}
