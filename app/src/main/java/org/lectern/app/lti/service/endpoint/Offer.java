package org.lectern.app.lti.service.endpoint;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.launch.Claims;

/**
 * A service that a launch offers.
 *
 * @param kind what
 * @param url where
 * @param scopes what tokens for it may be asked for
 */
public record Offer(ServiceKind kind, URI url, Set<String> scopes) {

    private static final int URL_LIMIT = 4096;
    private static final int SCOPES_LIMIT = 50;

    private static final String AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint";
    private static final String NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice";
    private static final String NRPS_SCOPE =
            "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly";
    private static final String GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice";
    private static final String NOTICES = Claims.LTI + "platformnotificationservice";
    private static final String EULA = Claims.LTI + "eulaservice";

    /** Copies the scopes. */
    public Offer {
        scopes = Set.copyOf(scopes);
    }

    /** The services that claims offer. What is malformed is not there: a launch does not fail for it. */
    public static List<Offer> in(Map<String, Object> claims) {
        List<Offer> offers = new ArrayList<>();
        Map<?, ?> ags = Claims.object(claims, AGS);
        add(offers, ServiceKind.LINE_ITEMS, ags, "lineitems", null);
        add(offers, ServiceKind.LINE_ITEM, ags, "lineitem", null);
        add(offers, ServiceKind.MEMBERSHIPS, Claims.object(claims, NRPS), "context_memberships_url", NRPS_SCOPE);
        Map<?, ?> groups = Claims.object(claims, GROUPS);
        add(offers, ServiceKind.GROUPS, groups, "context_groups_url", null);
        add(offers, ServiceKind.GROUP_SETS, groups, "context_group_sets_url", null);
        add(offers, ServiceKind.NOTICES, Claims.object(claims, NOTICES), "platform_notification_service_url", null);
        add(offers, ServiceKind.EULA, Claims.object(claims, EULA), "url", null);
        return offers;
    }

    private static void add(
            List<Offer> offers, ServiceKind kind, @Nullable Map<?, ?> claim, String field, @Nullable String scope) {
        if (claim == null) {
            return;
        }
        URI url = address(Claims.text(claim, field));
        // A scope has no blanks (RFC 6749); some platforms name several in one text.
        List<String> scopes = Claims.texts(claim, "scope").stream()
                .flatMap(text -> Arrays.stream(text.strip().split("\\s+")))
                .filter(name -> !name.isEmpty())
                .toList();
        if (url != null && scopes.size() <= SCOPES_LIMIT) {
            offers.add(
                    new Offer(kind, url, new TreeSet<>(scopes.isEmpty() && scope != null ? List.of(scope) : scopes)));
        }
    }

    private static @Nullable URI address(@Nullable String text) {
        if (text == null || text.length() > URL_LIMIT) {
            return null;
        }
        try {
            URI uri = new URI(text);
            boolean web = "https".equalsIgnoreCase(uri.getScheme()) || "http".equalsIgnoreCase(uri.getScheme());
            return web && uri.getHost() != null && uri.getRawUserInfo() == null && uri.getRawFragment() == null
                    ? uri
                    : null;
        } catch (URISyntaxException malformed) {
            return null;
        }
    }
}
