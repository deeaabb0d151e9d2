package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpResponse;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Whole launches over the wire: login, the platform's answer, session.
 *
 * @param origin the tool
 * @param platform the platform
 * @param client the client id it launches with
 */
public record WireLaunch(URI origin, TestPlatform platform, String client) {

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /** The first step. */
    public HttpResponse<String> login(Browser browser) {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("iss", platform.issuer());
        fields.put("login_hint", "hint");
        fields.put("target_link_uri", target());
        fields.put("client_id", client);
        return browser.get("/lti/login?" + Browser.form(fields), Browser.PAGE);
    }

    /** All steps by a new browser, with claims changed; answers what the last one answered. */
    public HttpResponse<String> launch(Consumer<Map<String, Object>> change) {
        var browser = new Browser(origin);
        HttpResponse<String> redirect = login(browser);
        if (redirect.statusCode() != 302) {
            return redirect;
        }
        Map<String, String> asked = Browser.query(Browser.location(redirect));
        Map<String, Object> claims = platform.claims(client, Objects.requireNonNull(asked.get("nonce")), target());
        change.accept(claims);
        return browser.post(
                "/lti/launch",
                Map.of("id_token", platform.sign(claims), "state", Objects.requireNonNull(asked.get("state"))),
                Browser.JSON);
    }

    /** The session of a launch that works. */
    public JsonNode session(Consumer<Map<String, Object>> change) {
        HttpResponse<String> answer = launch(change);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JSON.readTree(answer.body());
    }

    private String target() {
        return origin + "/lti/launch?target=chat";
    }
}
