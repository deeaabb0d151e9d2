package org.lectern.app.lti.service.call;

import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.ServiceHttp;

/**
 * Reads {@code Link} headers (RFC 8288). A relative address belongs to the page that named it. One of another origin is
 * refused: our token must not go where the platform's own address did not lead. Pure.
 */
final class PageLinks {

    private static final Pattern LINK =
            Pattern.compile("<([^<>]*)>((?:\\s*;\\s*[^,;\"=\\s]+\\s*(?:=\\s*(?:\"[^\"]*\"|[^,;\"]*))?)*)");
    private static final Pattern REL =
            Pattern.compile(";\\s*rel\\s*=\\s*(?:\"([^\"]*)\"|([^\\s,;\"]+))", Pattern.CASE_INSENSITIVE);

    private PageLinks() {}

    /**
     * The address of a relation.
     *
     * @param page the address that answered
     * @param headers its {@code Link} headers
     * @param relation such as {@code next}
     * @throws PlatformFailureException when there is such a link and it is of no use
     */
    static Optional<URI> find(URI page, List<String> headers, String relation) {
        for (String header : headers) {
            Matcher link = LINK.matcher(header);
            while (link.find()) {
                Matcher rel = REL.matcher(link.group(2));
                if (rel.find() && names(rel).contains(relation)) {
                    return Optional.of(resolved(page, link.group(1).strip(), relation));
                }
            }
        }
        return Optional.empty();
    }

    private static List<String> names(Matcher rel) {
        String names = rel.group(1) == null ? rel.group(2) : rel.group(1);
        return List.of(names.strip().toLowerCase(Locale.ROOT).split("\\s+", -1));
    }

    private static URI resolved(URI page, String address, String relation) {
        URI target;
        try {
            target = page.resolve(address);
        } catch (IllegalArgumentException malformed) {
            throw unusable(relation, "is no address");
        }
        if (!ServiceHttp.sameOrigin(page, target)) {
            throw unusable(relation, "leads to another server");
        }
        return target;
    }

    private static PlatformFailureException unusable(String relation, String why) {
        return new PlatformFailureException(
                PlatformFailureException.Kind.UNUSABLE, "the platform's link to the " + relation + " page " + why);
    }
}
