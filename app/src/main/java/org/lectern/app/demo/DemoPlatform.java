package org.lectern.app.demo;

import com.nimbusds.jwt.JWTClaimsSet;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.Registrations;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/**
 * The demo platform as LTI sees it: issuer, client, deployment and the tokens it issues. Its issuer names the port that
 * the web server really got, and it registers itself with Lectern once that is known.
 */
@Component
@ConditionalOnDemo
class DemoPlatform {

    static final String CLIENT_ID = "lectern-demo";
    static final String DEPLOYMENT_ID = "demo-1";

    private static final Logger log = LoggerFactory.getLogger(DemoPlatform.class);
    private static final String LTI = "https://purl.imsglobal.org/spec/lti/claim/";
    private static final Duration TOKEN_LIFETIME = Duration.ofMinutes(5);

    private final Registrations registrations;
    private final DemoKeys keys;
    private final DemoContent content;
    private final Clock clock;
    private volatile @Nullable URI origin;

    DemoPlatform(Registrations registrations, DemoKeys keys, DemoContent content, Clock clock) {
        this.registrations = registrations;
        this.keys = keys;
        this.content = content;
        this.clock = clock;
    }

    @EventListener
    void register(WebServerInitializedEvent event) {
        if (event.getApplicationContext().getServerNamespace() != null) {
            return; // the management server's own port
        }
        URI here = URI.create("http://localhost:" + event.getWebServer().getPort());
        origin = here;
        registrations
                .save(
                        new LtiProperties.Platform(
                                "Demo LMS",
                                issuer(),
                                CLIENT_ID,
                                here.resolve("/demo/platform/authorize"),
                                here.resolve("/demo/platform/token"),
                                null,
                                here.resolve("/demo/platform/jwks"),
                                List.of(DEPLOYMENT_ID),
                                false,
                                true,
                                false,
                                false),
                        Registrations.Source.DEMO)
                .block(Duration.ofSeconds(30));
        log.info("The demo LMS is open at {}/demo", here);
    }

    /** Scheme, host and port of this node as the demo platform names it. */
    URI origin() {
        URI known = origin;
        if (known == null) {
            throw new IllegalStateException("the web server has no port yet");
        }
        return known;
    }

    String issuer() {
        return origin() + "/demo/platform";
    }

    /** Whether an answer may be sent to an address: Lectern's launch address under any name of this machine. */
    boolean knowsRedirect(@Nullable String redirect) {
        int port = origin().getPort();
        return Set.of("localhost", "127.0.0.1", "[::1]").stream()
                .anyMatch(host -> ("http://" + host + ":" + port + "/lti/launch").equals(redirect));
    }

    /** Where a course's services begin. */
    URI course(String key) {
        return origin().resolve("/demo/platform/courses/" + key);
    }

    /** Where a launch leads: a placed link's own address, else one of the tool's pages; on the host the browser uses. */
    String targetLink(URI toolOrigin, DemoLaunch launch) {
        return content.link(launch.course().key(), launch.target())
                .map(link -> {
                    URI url = URI.create(link.url());
                    return toolOrigin + url.getRawPath() + (url.getRawQuery() == null ? "" : "?" + url.getRawQuery());
                })
                .orElseGet(() -> toolOrigin + "/lti/launch" + (launch.places() ? "" : "?target=" + launch.target()));
    }

    /** The id_token of a launch. */
    String idToken(DemoLaunch launch, String nonce, URI toolOrigin) {
        Instant now = clock.instant();
        DemoSchool.Course course = launch.course();
        DemoSchool.Person person = launch.person();
        var claims = new JWTClaimsSet.Builder()
                .issuer(issuer())
                .audience(CLIENT_ID)
                .subject(person.key())
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(TOKEN_LIFETIME)))
                .claim("nonce", nonce)
                .claim("name", person.name())
                .claim("given_name", person.givenName())
                .claim("family_name", person.familyName())
                .claim("email", person.key() + "@demo.example")
                .claim("locale", "en-GB")
                .claim(LTI + "version", "1.3.0")
                .claim(LTI + "message_type", launch.places() ? "LtiDeepLinkingRequest" : "LtiResourceLinkRequest")
                .claim(LTI + "deployment_id", DEPLOYMENT_ID)
                .claim(LTI + "target_link_uri", targetLink(toolOrigin, launch))
                .claim(LTI + "roles", launch.role().ltiRoles())
                .claim(
                        LTI + "context",
                        Map.of(
                                "id", course.key(),
                                "label", course.label(),
                                "title", course.title(),
                                "type", List.of("http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering")))
                .claim(
                        LTI + "tool_platform",
                        Map.of(
                                "guid",
                                "lectern-demo-lms",
                                "name",
                                "Lectern demo LMS",
                                "product_family_code",
                                "lectern-demo"))
                .claim(LTI + "launch_presentation", Map.of("locale", "en-GB", "document_target", "iframe"));
        services(course.key(), launch.target()).forEach(claims::claim);
        if (launch.places()) {
            claims.claim(
                    "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings",
                    Map.of(
                            "deep_link_return_url",
                            toolOrigin + "/demo/courses/" + course.key() + "/content",
                            "accept_types",
                            List.of("ltiResourceLink"),
                            "accept_presentation_document_targets",
                            List.of("iframe"),
                            "accept_multiple",
                            true,
                            "accept_lineitem",
                            true,
                            "data",
                            course.key()));
        } else {
            claims.claim(
                    LTI + "resource_link",
                    Map.of("id", course.key() + "/" + launch.target(), "title", "Lectern " + launch.target()));
        }
        return keys.sign(claims.build());
    }

    private Map<String, Object> services(String course, String target) {
        String ags = "https://purl.imsglobal.org/spec/lti-ags/scope/";
        Map<String, Object> gradebook = new LinkedHashMap<>();
        gradebook.put(
                "scope", List.of(ags + "lineitem", ags + "lineitem.readonly", ags + "result.readonly", ags + "score"));
        gradebook.put("lineitems", course(course) + "/lineitems");
        content.link(course, target)
                .map(DemoContent.Link::column)
                .ifPresent(column -> gradebook.put("lineitem", course(course) + "/lineitems/" + column));
        return Map.of(
                "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint",
                gradebook,
                "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice",
                Map.of("context_memberships_url", course(course) + "/members", "service_versions", List.of("2.0")),
                "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice",
                Map.of(
                        "context_groups_url",
                        course(course) + "/groups",
                        "scope",
                        List.of("https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"),
                        "service_versions",
                        List.of("1.0")));
    }
}
