package org.lectern.app.lti.launch;

import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Verifies the signed notices that platforms send without a browser (Platform Notification Service 1.0): by the same
 * keys, and the same rules of issuer, audience and time, as launches. What breaks one is told to operators like a
 * rejected launch.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class NoticeTokens {

    /** More audiences than one are allowed where {@code azp} says which is meant; nobody sends many. */
    private static final int AUDIENCES = 5;

    private final TokenSignatures signatures;
    private final Registrations registrations;
    private final Rejections rejections;
    private final LtiProperties properties;
    private final Clock clock;

    NoticeTokens(
            TokenSignatures signatures,
            Registrations registrations,
            Rejections rejections,
            LtiProperties properties,
            Clock clock) {
        this.signatures = signatures;
        this.registrations = registrations;
        this.rejections = rejections;
        this.properties = properties;
        this.clock = clock;
    }

    /** The notice that a token is; empty when it breaks a rule. */
    public Mono<Notice> verified(String token) {
        return Mono.fromCallable(() -> TokenSignatures.read(token))
                .flatMap(jwt -> registration(jwt)
                        .flatMap(registration -> signatures
                                .verified(jwt, registration)
                                .map(claims -> new LaunchClaims(
                                                claims,
                                                new Login(registration, "", "", "", null, null, null, Instant.MAX))
                                        .notice(clock.instant(), properties.clockLeeway(), properties.tokenAge()))
                                .flatMap(this::ofActiveDeployment)))
                .onErrorResume(
                        LaunchRejectedException.class,
                        rejected -> rejections.note(rejected).then(Mono.empty()));
    }

    private Mono<Notice> ofActiveDeployment(Notice notice) {
        return registrations
                .isActive(notice.registration(), notice.deploymentId())
                .flatMap(active -> active
                        ? Mono.just(notice)
                        : Mono.error(new LaunchRejectedException(
                                LaunchRule.DEPLOYMENT,
                                "a notice about deployment " + Operators.quoted(notice.deploymentId())
                                        + ", which is not active",
                                notice.registration())));
    }

    /** Whose token it says it is; believed only once that platform's key has verified it. */
    private Mono<Registration> registration(SignedJWT jwt) {
        String issuer;
        List<String> audience;
        try {
            issuer = jwt.getJWTClaimsSet().getIssuer();
            audience = jwt.getJWTClaimsSet().getAudience();
        } catch (ParseException e) {
            return Mono.error(
                    new LaunchRejectedException(LaunchRule.TOKEN_FORM, "the notice's claims cannot be read", null));
        }
        return Flux.fromIterable(audience)
                .take(AUDIENCES)
                .concatMap(client -> registrations.find(issuer == null ? "" : issuer, client))
                .filter(Registration::open)
                .next()
                .switchIfEmpty(Mono.error(() -> new LaunchRejectedException(
                        LaunchRule.LOGIN_REGISTRATION,
                        "a notice of issuer " + Operators.quoted(issuer) + " for no client of ours that may launch",
                        null)));
    }

    /**
     * A verified notice.
     *
     * @param registration the platform
     * @param deploymentId the deployment it is about
     * @param id the platform's id of it
     * @param type what happened, such as {@code LtiContextCopyNotice}
     * @param contextId LTI's id of the course it is about, where it is about one
     * @param originContexts LTI's ids of the courses that were copied
     * @param at when it was issued
     */
    public record Notice(
            Registration registration,
            String deploymentId,
            String id,
            String type,
            @Nullable String contextId,
            List<String> originContexts,
            Instant at) {

        /** Copies the list. */
        public Notice {
            originContexts = List.copyOf(originContexts);
        }
    }
}
