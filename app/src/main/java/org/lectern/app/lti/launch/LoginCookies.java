package org.lectern.app.lti.launch;

import java.net.URI;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.session.Secrets;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpCookie;
import org.springframework.http.ResponseCookie;
import org.springframework.stereotype.Component;
import org.springframework.util.MultiValueMap;

/**
 * The cookie that binds a login to its browser, one for each login, so that several tabs can launch at once. It lives
 * for minutes and authenticates nobody.
 *
 * <p>The platform answers by a cross-site POST, often inside its frame: that takes {@code SameSite=None; Secure;
 * Partitioned}. Over plain http (trials on one machine) browsers may refuse such a cookie, so there a second, ordinary
 * one stands beside it, which is enough while platform and tool are one site.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class LoginCookies {

    private static final String PATH = "/lti";

    private final LtiProperties properties;

    LoginCookies(LtiProperties properties) {
        this.properties = properties;
    }

    /** The cookies that keep a login's secret. */
    List<ResponseCookie> keep(URI origin, String state, String browserSecret) {
        return cookies(origin, state, browserSecret, properties.loginLifetime().toSeconds());
    }

    /** The cookies that forget it. */
    List<ResponseCookie> forget(URI origin, String state) {
        return cookies(origin, state, "", 0);
    }

    /** The secret that the browser kept for a state, if it sent one. */
    @Nullable
    String read(MultiValueMap<String, HttpCookie> cookies, String state) {
        return Stream.of(name(state), plainName(state))
                .map(cookies::getFirst)
                .filter(cookie -> cookie != null && cookie.getValue().length() == Secrets.LENGTH)
                .map(HttpCookie::getValue)
                .findFirst()
                .orElse(null);
    }

    private static List<ResponseCookie> cookies(URI origin, String state, String value, long seconds) {
        ResponseCookie embedded = ResponseCookie.from(name(state), value)
                .path(PATH)
                .httpOnly(true)
                .secure(true)
                .sameSite("None")
                .partitioned(true)
                .maxAge(seconds)
                .build();
        if ("https".equals(origin.getScheme())) {
            return List.of(embedded);
        }
        ResponseCookie plain = ResponseCookie.from(plainName(state), value)
                .path(PATH)
                .httpOnly(true)
                .sameSite("Lax")
                .maxAge(seconds)
                .build();
        return List.of(embedded, plain);
    }

    private static String name(String state) {
        return "lectern-login-" + HexFormat.of().formatHex(Secrets.digest(state), 0, 8);
    }

    private static String plainName(String state) {
        return name(state) + "-plain";
    }
}
