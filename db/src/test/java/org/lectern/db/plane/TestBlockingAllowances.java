package org.lectern.db.plane;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/** What may block on an event loop in this module's tests; the running system's list is in infra, above this module. */
public final class TestBlockingAllowances implements BlockHoundIntegration {

    @Override
    public void applyTo(BlockHound.Builder builder) {
        // The nonce of a new connection's authentication, from the system's generator, which does not block after boot.
        builder.allowBlockingCallsInside("java.security.SecureRandom", "nextBytes")
                // Once for each class.
                .allowBlockingCallsInside("java.lang.ClassLoader", "loadClass")
                .allowBlockingCallsInside("java.lang.invoke.MethodHandleNatives", "linkCallSite")
                .allowBlockingCallsInside("java.util.ServiceLoader$LazyClassPathLookupIterator", "hasNext")
                // Lines of log.
                .allowBlockingCallsInside("ch.qos.logback.classic.Logger", "callAppenders");
    }
}
