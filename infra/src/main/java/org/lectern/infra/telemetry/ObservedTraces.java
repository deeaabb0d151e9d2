package org.lectern.infra.telemetry;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.contextpropagation.ObservationThreadLocalAccessor;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.TracingObservationHandler.TracingContext;
import io.micrometer.tracing.propagation.Propagator;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;
import reactor.util.context.ContextView;

/** Traces by Micrometer's observations; without a tracer only the metrics remain. */
@Component
public class ObservedTraces implements TraceCarrier {

    private static final String TRACEPARENT = "traceparent";

    private final ObservationRegistry observations;
    private final ObjectProvider<Tracer> tracer;
    private final ObjectProvider<Propagator> propagator;

    ObservedTraces(
            ObjectProvider<ObservationRegistry> observations,
            ObjectProvider<Tracer> tracer,
            ObjectProvider<Propagator> propagator) {
        this.observations = observations.getIfAvailable(() -> ObservationRegistry.NOOP);
        this.tracer = tracer;
        this.propagator = propagator;
    }

    @Override
    public @Nullable String current(ContextView context) {
        Propagator presentPropagator = propagator.getIfAvailable();
        Span span = span(context);
        if (span == null || presentPropagator == null) {
            return null;
        }
        Map<String, String> headers = new HashMap<>();
        presentPropagator.inject(span.context(), headers, (into, key, value) -> {
            if (into != null) {
                into.put(key, value);
            }
        });
        return headers.get(TRACEPARENT);
    }

    @Override
    public @Nullable String traceId(ContextView context) {
        Span span = span(context);
        return span == null ? null : span.context().traceId();
    }

    private @Nullable Span span(ContextView context) {
        Observation observation = context.getOrDefault(ObservationThreadLocalAccessor.KEY, null);
        TracingContext tracing =
                observation == null ? null : observation.getContextView().get(TracingContext.class);
        if (tracing != null) {
            return tracing.getSpan();
        }
        Tracer present = tracer.getIfAvailable();
        return present == null ? null : present.currentSpan();
    }

    @Override
    public <T> T within(@Nullable String traceparent, String name, Map<String, String> tags, Callable<T> work)
            throws Exception {
        var context = new ReceiverContext<Map<String, String>>((carrier, key) -> carrier.get(key), Kind.CONSUMER);
        context.setCarrier(traceparent == null ? Map.of() : Map.of(TRACEPARENT, traceparent));
        Observation observation = Observation.createNotStarted(name, () -> context, observations)
                .lowCardinalityKeyValues(KeyValues.of(tags.entrySet(), tag -> tag.getKey(), tag -> tag.getValue()));
        return observation.observeChecked(work::call);
    }
}
