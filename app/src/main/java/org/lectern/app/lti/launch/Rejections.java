package org.lectern.app.lti.launch;

import io.micrometer.core.instrument.MeterRegistry;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.telemetry.TraceCarrier;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Tells operators of rejected launches: a log line, a counter by rule, and the last two hundred of all nodes for {@code
 * /api/ops/lti/rejections} (of this node alone while Redis is gone). The user gets only the reference under which all of
 * that is found.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class Rejections {

    static final int KEPT = 200;

    private static final Logger log = LoggerFactory.getLogger(Rejections.class);
    /** No characters that people mix up when they read them aloud. */
    private static final String ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

    private final SharedRejections shared;
    private final MeterRegistry meters;
    private final TraceCarrier traces;
    private final SecureRandom random;
    private final Clock clock;
    private final Deque<Rejection> recent = new ArrayDeque<>();

    Rejections(SharedRejections shared, MeterRegistry meters, TraceCarrier traces, SecureRandom random, Clock clock) {
        this.shared = shared;
        this.meters = meters;
        this.traces = traces;
        this.random = random;
        this.clock = clock;
    }

    /** Notes a rejection; answers its reference. */
    Mono<String> note(LaunchRejectedException rejected) {
        return Mono.deferContextual(context -> {
            Rejection rejection = noted(rejected, traces.traceId(context));
            TraceScope.run(context, () -> log(rejection));
            return shared.add(rejection).thenReturn(rejection.reference());
        });
    }

    private Rejection noted(LaunchRejectedException rejected, @Nullable String traceId) {
        Registration registration = rejected.registration();
        var rejection = new Rejection(
                reference(),
                clock.instant(),
                rejected.rule().id(),
                rejected.rule().requirement(),
                rejected.detail(),
                registration == null ? null : registration.issuer(),
                registration == null ? null : registration.clientId(),
                traceId);
        meters.counter("lectern.lti.rejections", "rule", rejection.rule()).increment();
        synchronized (recent) {
            if (recent.size() == KEPT) {
                recent.removeLast();
            }
            recent.addFirst(rejection);
        }
        return rejection;
    }

    private static void log(Rejection rejection) {
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
    }

    /** The last rejections of all nodes, newest first; of this node while Redis is gone. */
    public Mono<List<Rejection>> recent() {
        return shared.all().map(all -> {
            Map<String, Rejection> known = new LinkedHashMap<>();
            Stream.concat(all.stream(), own().stream()).forEach(one -> known.putIfAbsent(one.reference(), one));
            return known.values().stream()
                    .sorted(Comparator.comparing(Rejection::at).reversed())
                    .limit(KEPT)
                    .toList();
        });
    }

    private List<Rejection> own() {
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
