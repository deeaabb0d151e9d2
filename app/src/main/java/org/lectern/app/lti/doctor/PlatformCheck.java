package org.lectern.app.lti.doctor;

import java.io.PrintWriter;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.doctor.Diagnosis.Step;
import org.lectern.app.lti.doctor.Diagnosis.Verdict;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.PlatformHttp;
import org.lectern.app.lti.platform.Registration;

/**
 * The doctor on the command line: checks the addresses of the platforms that the configuration names, before any node is
 * started. What needs Lectern's own keys or database (service tokens, deployments, rejections) is checked on
 * {@code /lti/doctor}.
 */
public final class PlatformCheck {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private PlatformCheck() {}

    /**
     * Checks all configured platforms, one after the other.
     *
     * @param properties the settings with their registrations
     * @param out gets a line for each step, with what to do about it
     * @return how many steps are failures
     */
    public static int run(LtiProperties properties, PrintWriter out) {
        if (properties.registrations().isEmpty()) {
            out.println("The configuration names no platform (lectern.lti.registrations).");
        }
        int failures = 0;
        for (LtiProperties.Platform platform : properties.registrations()) {
            out.printf("%s, client %s%n", platform.issuer(), platform.clientId());
            for (Step step : steps(registration(platform), properties)) {
                out.printf("  %-8s %-24s %s%n", step.verdict().key(), step.step(), step.found());
                if (!step.advice().isEmpty()) {
                    out.printf("  %-8s %-24s %s%n", "", "", step.advice());
                }
                failures += step.verdict() == Verdict.FAILURE ? 1 : 0;
            }
        }
        return failures;
    }

    private static List<Step> steps(Registration registration, LtiProperties properties) {
        try (var http = PlatformHttp.standalone(properties)) {
            var addresses = new AddressChecks(http, properties, Clock.systemUTC());
            List<Step> steps = new ArrayList<>();
            steps.add(
                    Objects.requireNonNull(addresses.authorization(registration).block(PATIENCE)));
            steps.addAll(Objects.requireNonNull(addresses.keySet(registration).block(PATIENCE)));
            return steps;
        }
    }

    /** As the start of a node would store it. */
    private static Registration registration(LtiProperties.Platform platform) {
        return new Registration(
                new UUID(0, 0),
                platform.issuer(),
                platform.clientId(),
                Objects.requireNonNullElse(platform.name(), platform.issuer()),
                platform.authorizationEndpoint(),
                platform.tokenEndpoint(),
                platform.tokenAudience(),
                platform.jwksUri(),
                true,
                Approval.APPROVED,
                platform.paused(),
                platform.operators(),
                platform.anonymousLaunches(),
                platform.pendingDeployments());
    }
}
