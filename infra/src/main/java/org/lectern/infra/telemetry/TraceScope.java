package org.lectern.infra.telemetry;

import io.micrometer.context.ContextSnapshotFactory;
import reactor.util.context.ContextView;

/**
 * Puts the trace of a Reactor context on the calling thread for a moment, so that a line of the log carries its ids.
 *
 * <p>Reactor could restore it around every operator, and did once: a fifth of a launch's processor time went into that.
 * What needs the trace is told which context it is of.
 */
public final class TraceScope {

    private static final ContextSnapshotFactory SNAPSHOTS =
            ContextSnapshotFactory.builder().build();

    private TraceScope() {}

    /**
     * Does something short, such as writing a line of the log, within the context's trace. What it throws is thrown on.
     *
     * @param context of the subscriber, from {@code Mono.deferContextual} and the like
     */
    public static void run(ContextView context, Runnable line) {
        SNAPSHOTS.captureFrom(context).wrap(line).run();
    }
}
