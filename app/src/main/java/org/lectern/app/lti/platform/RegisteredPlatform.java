package org.lectern.app.lti.platform;

import java.time.Instant;

/**
 * A registration as operators see it.
 *
 * @param registration the registration
 * @param source where it came from: {@code configuration}, {@code demo}, {@code api} or {@code dynamic}
 * @param operatorPaused whether an operator paused it (the configuration may have done so too)
 * @param activeDeployments how many of its deployments may launch
 * @param pendingDeployments how many wait for an operator
 * @param createdAt when it was registered
 * @param updatedAt when it was last changed
 */
public record RegisteredPlatform(
        Registration registration,
        String source,
        boolean operatorPaused,
        long activeDeployments,
        long pendingDeployments,
        Instant createdAt,
        Instant updatedAt) {}
