package org.lectern.app.lti.launch;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.tracing.Tracer;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;

/**
 * Tells operators of rejected launches: a log line, a counter by rule, and the last two hundred of this node for {@code
 * /api/ops/lti/rejections}. The user gets only the reference under which all of that is found.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class Rejections {

    static final int KEPT = 200;

    private static final Logger log = LoggerFactory.getLogger(Rejections.class);
    /** No characters that people mix up when they read them aloud. */
    private static final String ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

    private final MeterRegistry meters;
    private final ObjectProvider<Tracer> tracer;
    private final SecureRandom random;
    private final Clock clock;
    private final Deque<Rejection> recent = new ArrayDeque<>();

    Rejections(MeterRegistry meters, ObjectProvider<Tracer> tracer, SecureRandom random, Clock clock) {
        this.meters = meters;
        this.tracer = tracer;
        this.random = random;
        this.clock = clock;
    }

    /** Notes a rejection; answers its reference. */
    String note(LaunchRejectedException rejected) {
        Registration registration = rejected.registration();
        var rejection = new Rejection(
                reference(),
                clock.instant(),
                rejected.rule().id(),
                rejected.rule().requirement(),
                rejected.detail(),
                registration == null ? null : registration.issuer(),
                registration == null ? null : registration.clientId(),
                traceId());
        log.atWarn()
                .addKeyValue("rule", rejection.rule())
                .addKeyValue("issuer", rejection.issuer())
                .addKeyValue("client_id", rejection.clientId())
                .addKeyValue("reference", rejection.reference())
                .log(
                        "launch rejected by rule {}: {} (platform {}, client {}, reference {})",
                        rejection.rule(),
                        rejection.detail(),
                        rejection.issuer(),
                        rejection.clientId(),
                        rejection.reference());
        meters.counter("lectern.lti.rejections", "rule", rejection.rule()).increment();
        synchronized (recent) {
            if (recent.size() == KEPT) {
                recent.removeLast();
            }
            recent.addFirst(rejection);
        }
        return rejection.reference();
    }

    /** The last rejections of this node, newest first. */
    public List<Rejection> recent() {
        synchronized (recent) {
            return new ArrayList<>(recent);
        }
    }

    private String reference() {
        StringBuilder reference = new StringBuilder();
        for (int i = 0; i < 10; i++) {
            reference.append(i == 5 ? "-" : "").append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        }
        return reference.toString();
    }

    private @Nullable String traceId() {
        Tracer present = tracer.getIfAvailable();
        var span = present == null ? null : present.currentSpan();
        return span == null ? null : span.context().traceId();
    }

    /**
     * A rejected login or launch, for operators.
     *
     * @param reference what the user was shown
     * @param at when
     * @param rule the rule's id
     * @param requirement what the rule asks for
     * @param detail what was wrong
     * @param issuer the platform, where it is known
     * @param clientId the client, where it is known
     * @param traceId the request's trace, where there is one
     */
    public record Rejection(
            String reference,
            Instant at,
            String rule,
            String requirement,
            String detail,
            @Nullable String issuer,
            @Nullable String clientId,
            @Nullable String traceId) {}
}
