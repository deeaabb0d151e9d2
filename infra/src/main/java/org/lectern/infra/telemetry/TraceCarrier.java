package org.lectern.infra.telemetry;

import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import reactor.util.context.ContextView;

/**
 * Takes the current trace along, as text, so that work done later and elsewhere is a child of what asked for it: write
 * {@link #current} beside the work, and do the work {@link #within} what was written.
 */
public interface TraceCarrier {

    /**
     * The current span in the form of W3C Trace Context, such as
     * {@code 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01} (at most 55 characters).
     *
     * @param context of the subscriber; where it knows no trace, the calling thread's counts, as within {@link #within}
     * @return null when there is no trace
     */
    @Nullable
    String current(ContextView context);

    /**
     * The id of the trace that {@link #current} is a span of: 32 hexadecimal digits.
     *
     * @return null when there is no trace
     */
    @Nullable
    String traceId(ContextView context);

    /**
     * Does blocking work in a span of its own, on the calling thread, and times it as a metric of the same name. The
     * span's trace id is in all that the work logs. What the work throws is noted in the span and thrown on.
     *
     * @param traceparent what {@link #current} said where the work was asked for; null, or what cannot be read, begins
     *     a new trace
     * @param name name of the span and of the timer, such as {@code lectern.jobs.run}
     * @param tags few values each: they are tags of the metric too
     * @param work what to do
     */
    <T> T within(@Nullable String traceparent, String name, Map<String, String> tags, Callable<T> work)
            throws Exception;
}
