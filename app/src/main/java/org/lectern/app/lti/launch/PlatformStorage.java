package org.lectern.app.lti.launch;

import java.net.URI;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.session.Secrets;
import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/**
 * Binds a login to its browser without cookies, where the platform offers storage (LTI Client Side postMessages and
 * Platform Storage 1.0): a page of ours puts the login's secret into the frame that {@code lti_storage_target} names,
 * another one of ours gets it back and sends it on with the platform's answer. The cookie is set all the same and is
 * preferred where it comes back.
 *
 * <p>A secret that comes in a form counts only if the form was sent by a page of ours ({@code Origin}): a stranger's
 * page could send a secret of the stranger's own login.
 */
final class PlatformStorage {

    /** The field in which our page sends the secret on; empty when the platform's storage did not answer. */
    static final String FIELD = "browser_secret";

    private PlatformStorage() {}

    /** The page that stores the secret and then goes on to the platform. */
    static Mono<ServerResponse> keep(
            ServerResponse.BodyBuilder response,
            Registration registration,
            String target,
            Logins.Begun begun,
            URI next) {
        return response.cacheControl(CacheControl.noStore())
                .contentType(MediaType.TEXT_HTML)
                .render(
                        "lti-handshake",
                        Map.of(
                                "storage", target,
                                "origin", originOf(registration),
                                "key", key(begun.state()),
                                "secret", begun.browserSecret(),
                                "next", next.toString()));
    }

    /** The page that gets the secret back and then sends the platform's answer again, with it. */
    static Mono<ServerResponse> fetch(Logins.Kept kept, String idToken, String state) {
        return ServerResponse.ok()
                .cacheControl(CacheControl.noStore())
                .contentType(MediaType.TEXT_HTML)
                .render(
                        "lti-handshake",
                        Map.of(
                                "storage", kept.storageTarget(),
                                "origin", originOf(kept.registration()),
                                "key", key(state),
                                "idToken", idToken,
                                "state", state));
    }

    /** The secret that a page of ours sent on. */
    static @Nullable String sent(ServerRequest request, MultiValueMap<String, String> form, URI origin) {
        String secret = form.getFirst(FIELD);
        boolean ours = origin.toString().equals(request.headers().firstHeader("Origin"));
        return ours && secret != null && secret.length() == Secrets.LENGTH ? secret : null;
    }

    private static String originOf(Registration registration) {
        URI endpoint = registration.authorizationEndpoint();
        return endpoint.getScheme() + "://" + endpoint.getRawAuthority();
    }

    private static String key(String state) {
        return "lectern_" + Secrets.hexDigest(state).substring(0, 16);
    }
}
