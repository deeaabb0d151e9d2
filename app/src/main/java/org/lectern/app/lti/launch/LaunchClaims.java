package org.lectern.app.lti.launch;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.Secrets;

/**
 * Holds the claims of a token, whose signature was verified, to the rules of the security framework (5.1.3) and of LTI
 * Core (5.3, 5.4), in their order. Pure: time and the login are given.
 */
final class LaunchClaims {

    private static final int ID_LIMIT = 255;
    private static final int ROLES_LIMIT = 200;
    private static final int NAME_LIMIT = 200;

    private final Map<String, Object> claims;
    private final Login login;
    private final Registration registration;

    LaunchClaims(Map<String, Object> claims, Login login) {
        this.claims = claims;
        this.login = login;
        this.registration = login.registration();
    }

    /**
     * What the launch says.
     *
     * @param now the time
     * @param leeway how far the platform's clock may be off
     * @param tokenAge how old the token may be
     * @throws LaunchRejectedException at the first rule it breaks
     */
    LaunchMessage checked(Instant now, Duration leeway, Duration tokenAge) {
        require(LaunchRule.ISSUER, registration.issuer().equals(claims.get("iss")), () -> "iss is " + shown("iss"));
        checkAudience();
        checkTime(now, leeway, tokenAge);
        String nonce = claims.get("nonce") instanceof String text ? text : "";
        require(
                LaunchRule.NONCE,
                Secrets.hexDigest(nonce).equals(login.nonceDigest()),
                () -> nonce.isEmpty() ? "nonce is missing" : "nonce is not the one of this login");
        require(
                LaunchRule.VERSION,
                "1.3.0".equals(claims.get(Claims.VERSION)),
                () -> "version is " + shown(Claims.VERSION));
        MessageType type = type();
        String deployment = deployment();
        checkTarget(type);
        String resourceLink = resourceLink(type);
        Map<?, ?> context = context();
        String contextId = context == null ? null : id(context, LaunchRule.CONTEXT, "context");
        checkMessage(type);
        Map<?, ?> custom = Claims.object(claims, Claims.CUSTOM);
        return new LaunchMessage(
                deployment,
                subject(),
                name(),
                Claims.display(claims, "email", 320),
                LaunchRoles.of(roles()),
                contextId,
                context == null ? null : title(context),
                resourceLink,
                type,
                target(type, custom),
                type == MessageType.RESOURCE_LINK ? LaunchTargets.item(login.targetLinkUri(), custom) : null);
    }

    /**
     * What a notice says: the rules of a launch that do not concern a browser (PNS 1.0, section 4).
     *
     * @throws LaunchRejectedException at the first rule it breaks
     */
    NoticeTokens.Notice notice(Instant now, Duration leeway, Duration tokenAge) {
        require(LaunchRule.ISSUER, registration.issuer().equals(claims.get("iss")), () -> "iss is " + shown("iss"));
        checkAudience();
        checkTime(now, leeway, tokenAge);
        require(
                LaunchRule.VERSION,
                "1.3.0".equals(claims.get(Claims.VERSION)),
                () -> "version is " + shown(Claims.VERSION));
        Map<?, ?> notice = Claims.object(claims, Claims.LTI + "notice");
        String type = notice == null ? null : Claims.text(notice, "type");
        require(
                LaunchRule.MESSAGE_TYPE,
                type != null && type.length() <= ID_LIMIT,
                () -> "the notice is missing or has no type");
        Map<?, ?> context = Claims.object(claims, Claims.CONTEXT);
        return new NoticeTokens.Notice(
                registration,
                deployment(),
                id(notice, LaunchRule.MESSAGE_TYPE, "notice"),
                Objects.requireNonNull(type),
                context == null ? null : Claims.text(context, "id"),
                Claims.texts(claims, Claims.LTI + "origin_contexts"),
                Objects.requireNonNullElse(time("iat"), now));
    }

    private MessageType type() {
        String name = Claims.text(claims, Claims.MESSAGE_TYPE);
        return MessageType.of(name == null ? "" : name)
                .orElseThrow(() -> new LaunchRejectedException(
                        LaunchRule.MESSAGE_TYPE, "message_type is " + shown(Claims.MESSAGE_TYPE), registration));
    }

    /** A link names its target. Other messages may leave it out; where they name one, it is the login's. */
    private void checkTarget(MessageType type) {
        Object target = claims.get(Claims.TARGET_LINK_URI);
        boolean mayBeMissing = type != MessageType.RESOURCE_LINK && target == null;
        require(
                LaunchRule.TARGET_LINK_URI,
                mayBeMissing || login.targetLinkUri().equals(target),
                () -> "target_link_uri is " + shown(Claims.TARGET_LINK_URI) + ", the login's "
                        + Operators.quoted(login.targetLinkUri()));
    }

    private @Nullable String resourceLink(MessageType type) {
        Map<?, ?> link = Claims.object(claims, Claims.RESOURCE_LINK);
        return type == MessageType.RESOURCE_LINK || link != null
                ? id(link, LaunchRule.RESOURCE_LINK, "resource_link")
                : null;
    }

    /** What a message must bring beside what all of them bring. */
    private void checkMessage(MessageType type) {
        switch (type) {
            case RESOURCE_LINK, DATA_PRIVACY, EULA -> {}
            case DEEP_LINKING -> {
                Map<?, ?> settings = Claims.object(claims, Claims.DEEP_LINKING);
                require(
                        LaunchRule.DEEP_LINKING_SETTINGS,
                        settings != null
                                && Claims.text(settings, "deep_link_return_url") != null
                                && Claims.list(settings, "accept_types") != null,
                        () -> settings == null
                                ? "deep_linking_settings is missing or no object"
                                : "deep_link_return_url or accept_types is missing");
            }
            case SUBMISSION_REVIEW -> {
                Map<?, ?> user = Claims.object(claims, Claims.FOR_USER);
                require(
                        LaunchRule.FOR_USER,
                        user != null && Claims.text(user, "user_id") != null,
                        () -> user == null ? "for_user is missing or no object" : "for_user has no user_id");
            }
        }
    }

    private LaunchTarget target(MessageType type, @Nullable Map<?, ?> custom) {
        return switch (type) {
            case RESOURCE_LINK -> LaunchTargets.of(login.targetLinkUri(), custom);
            case DEEP_LINKING -> LaunchTarget.DEEP_LINK;
            case SUBMISSION_REVIEW -> LaunchTarget.REVIEW;
            case DATA_PRIVACY -> LaunchTarget.PRIVACY;
            case EULA -> LaunchTarget.EULA;
        };
    }

    private void checkAudience() {
        Object aud = claims.get("aud");
        List<?> audiences = aud instanceof List<?> list ? list : aud == null ? List.of() : List.of(aud);
        String client = registration.clientId();
        require(LaunchRule.AUDIENCE, audiences.contains(client), () -> "aud does not name our client id");
        // No audience but ourselves is trusted: SEC 5.1.3 (3) asks to reject a token with any other.
        require(
                LaunchRule.AUDIENCE,
                audiences.stream().allMatch(client::equals),
                () -> "aud names others beside our client id: " + Operators.quoted(audiences));
        Object azp = claims.get("azp");
        require(
                LaunchRule.AUTHORIZED_PARTY,
                azp == null ? audiences.size() == 1 : client.equals(azp),
                () -> azp == null ? "aud is a list of several and azp is missing" : "azp is " + shown("azp"));
    }

    private void checkTime(Instant now, Duration leeway, Duration tokenAge) {
        Instant expires = time("exp");
        require(
                LaunchRule.EXPIRY,
                expires != null && now.minus(leeway).isBefore(expires),
                () -> expires == null ? "exp is missing" : "exp is " + expires + ", now is " + now);
        Instant issued = time("iat");
        require(
                LaunchRule.ISSUED_AT,
                issued != null
                        && !issued.isAfter(now.plus(leeway))
                        && !issued.isBefore(now.minus(leeway).minus(tokenAge)),
                () -> issued == null ? "iat is missing" : "iat is " + issued + ", now is " + now);
        Instant notBefore = time("nbf");
        require(
                LaunchRule.ISSUED_AT,
                notBefore == null || !notBefore.isAfter(now.plus(leeway)),
                () -> "nbf is " + notBefore + ", now is " + now);
    }

    private @Nullable Instant time(String name) {
        // Seconds since 1970, possibly with a fraction (RFC 7519, NumericDate); within what an Instant can hold.
        return claims.get(name) instanceof Number seconds && Math.abs(seconds.doubleValue()) < 1e12
                ? Instant.ofEpochMilli(Math.round(seconds.doubleValue() * 1000))
                : null;
    }

    private String deployment() {
        String deployment = claims.get(Claims.DEPLOYMENT_ID) instanceof String text ? text : "";
        require(
                LaunchRule.DEPLOYMENT,
                !deployment.isBlank() && deployment.length() <= ID_LIMIT && deployment.indexOf('\0') < 0,
                () -> "deployment_id is missing or too long");
        String announced = login.deploymentId();
        require(
                LaunchRule.DEPLOYMENT,
                announced == null || announced.equals(deployment),
                () -> "deployment_id is " + Operators.quoted(deployment) + ", the login's "
                        + Operators.quoted(announced));
        return deployment;
    }

    private @Nullable String subject() {
        Object sub = claims.get("sub");
        if (sub == null && registration.anonymousLaunches()) {
            return null;
        }
        String subject = sub instanceof String text ? text : "";
        require(
                LaunchRule.SUBJECT,
                !subject.isBlank()
                        && subject.length() <= ID_LIMIT
                        && subject.chars().allMatch(c -> c >= ' ' && c <= '~'),
                () -> sub == null ? "sub is missing" : "sub is empty, longer than 255 characters, or not ASCII");
        return subject;
    }

    private List<String> roles() {
        List<?> roles = Claims.list(claims, Claims.ROLES);
        require(
                LaunchRule.ROLES,
                roles != null
                        && roles.size() <= ROLES_LIMIT
                        && roles.stream().allMatch(role -> role instanceof String text && text.length() <= 512),
                () -> roles == null ? "roles is missing or no list" : "roles is too long or holds what is no text");
        return Objects.requireNonNull(roles).stream().map(String.class::cast).toList();
    }

    private @Nullable Map<?, ?> context() {
        Object context = claims.get(Claims.CONTEXT);
        require(LaunchRule.CONTEXT, context == null || context instanceof Map<?, ?>, () -> "context is no object");
        return context instanceof Map<?, ?> object ? object : null;
    }

    private String id(@Nullable Map<?, ?> object, LaunchRule rule, String claim) {
        String id = object != null && object.get("id") instanceof String text ? text : "";
        require(
                rule,
                !id.isBlank() && id.length() <= ID_LIMIT && id.indexOf('\0') < 0,
                () -> claim + " has no id, or one longer than 255 characters");
        return id;
    }

    private static @Nullable String title(Map<?, ?> context) {
        String title = Claims.display(context, "title", NAME_LIMIT);
        return title == null ? Claims.display(context, "label", NAME_LIMIT) : title;
    }

    private @Nullable String name() {
        String name = Claims.display(claims, "name", NAME_LIMIT);
        if (name != null) {
            return name;
        }
        String parts = Stream.of("given_name", "family_name")
                .map(part -> Claims.display(claims, part, NAME_LIMIT / 2))
                .filter(Objects::nonNull)
                .reduce("", (given, family) -> (given + " " + family).strip());
        return parts.isEmpty() ? null : parts;
    }

    private String shown(String claim) {
        Object value = claims.get(claim);
        return value == null ? "missing" : Operators.quoted(value);
    }

    private void require(LaunchRule rule, boolean holds, Supplier<String> detail) {
        if (!holds) {
            throw new LaunchRejectedException(rule, detail.get(), registration);
        }
    }
}
