package org.lectern.app.lti.registration;

import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What Lectern asks a platform for (LTI Dynamic Registration 1.0, section 3.5.2): no more than the platform offers. */
final class ToolConfiguration {

    /** Names Lectern's part of the registration, in the request and in its answer. */
    static final String TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration";

    private static final String SERVICE = "https://purl.imsglobal.org/spec/lti-";
    private static final List<String> SCOPES = List.of(
            SERVICE + "ags/scope/lineitem",
            SERVICE + "ags/scope/lineitem.readonly",
            SERVICE + "ags/scope/result.readonly",
            SERVICE + "ags/scope/score",
            SERVICE + "nrps/scope/contextmembership.readonly",
            SERVICE + "gs/scope/contextgroup.readonly",
            "https://purl.imsglobal.org/spec/lti/scope/noticehandlers");
    private static final List<String> CLAIMS =
            List.of("iss", "sub", "name", "given_name", "family_name", "email", "locale");
    private static final List<String> MESSAGES = List.of(
            "LtiResourceLinkRequest",
            "LtiDeepLinkingRequest",
            "LtiSubmissionReviewRequest",
            "LtiDataPrivacyLaunchRequest",
            "LtiEulaRequest");

    private ToolConfiguration() {}

    /** The body of the registration request. */
    static Map<String, Object> of(URI origin, PlatformConfiguration platform) {
        String launch = origin + "/lti/launch";
        Map<String, Object> tool = new LinkedHashMap<>();
        tool.put("domain", origin.getRawAuthority());
        tool.put("description", "Course chat, video and learning analytics");
        tool.put("target_link_uri", launch);
        tool.put("custom_parameters", Map.of());
        tool.put("claims", offered(CLAIMS, platform.claims()));
        tool.put(
                "messages",
                offered(MESSAGES, platform.messages()).stream()
                        .map(type -> Map.of("type", type, "target_link_uri", launch, "label", "Lectern"))
                        .toList());
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("application_type", "web");
        body.put("client_name", "Lectern");
        body.put("response_types", List.of("id_token"));
        body.put("grant_types", List.of("implicit", "client_credentials"));
        body.put("initiate_login_uri", origin + "/lti/login");
        body.put("redirect_uris", List.of(launch));
        body.put("jwks_uri", origin + "/.well-known/jwks.json");
        body.put("logo_uri", origin + "/favicon.svg");
        body.put("token_endpoint_auth_method", "private_key_jwt");
        body.put("scope", String.join(" ", offered(SCOPES, platform.scopes())));
        body.put(TOOL, tool);
        return body;
    }

    /** What of the wanted is offered; all of it where the platform does not say what it offers. */
    private static List<String> offered(List<String> wanted, Set<String> offered) {
        return offered.isEmpty()
                ? wanted
                : wanted.stream().filter(offered::contains).toList();
    }
}
