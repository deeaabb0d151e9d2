package org.lectern.infra.scaling;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.latency.NodeTraffic;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;

/** How this process fares: CPU and heap from Micrometer's own meters, traffic from the requests it answered. */
@Component
final class ProcessSignals implements SignalSource {

    private final MeterRegistry meters;
    private final NodeTraffic traffic;
    private final Membership membership;
    private final Clock clock;

    ProcessSignals(MeterRegistry meters, NodeTraffic traffic, Membership membership, Clock clock) {
        this.meters = meters;
        this.traffic = traffic;
        this.membership = membership;
        this.clock = clock;
    }

    @Override
    public boolean ofThisNode() {
        return true;
    }

    @Override
    public Flux<Signal> measure() {
        return Flux.defer(() -> {
            Instant now = clock.instant();
            String node = membership.self().id();
            NodeTraffic.Traffic minute = traffic.lastMinute();
            List<Signal> signals = new ArrayList<>();
            add(signals, Signal.Kind.CPU, node, gauge("process.cpu.usage"), now);
            add(signals, Signal.Kind.MEMORY, node, heapUse(), now);
            add(signals, Signal.Kind.REQUESTS, node, OptionalDouble.of(minute.perSecond()), now);
            add(signals, Signal.Kind.P95_MILLIS, node, minute.p95Millis(), now);
            add(signals, Signal.Kind.ERROR_RATE, node, minute.errorRate(), now);
            return Flux.fromIterable(signals);
        });
    }

    private static void add(List<Signal> signals, Signal.Kind kind, String node, OptionalDouble value, Instant now) {
        value.ifPresent(measured -> signals.add(new Signal(kind, node, measured, now)));
    }

    private OptionalDouble gauge(String name) {
        Gauge gauge = meters.find(name).gauge();
        return gauge == null ? OptionalDouble.empty() : finite(gauge.value());
    }

    /** Heap in use of the heap the process may have. */
    private OptionalDouble heapUse() {
        double used = sumOfHeap("jvm.memory.used", Gauge::value);
        // A pool without a limit of its own says -1; the pools that have one add up to the heap's.
        double most = sumOfHeap("jvm.memory.max", gauge -> Math.max(0, gauge.value()));
        return finite(used / most);
    }

    private double sumOfHeap(String name, ToDoubleFunction<Gauge> value) {
        Collection<Gauge> gauges = meters.find(name).tag("area", "heap").gauges();
        return gauges.stream().mapToDouble(value).sum();
    }

    private static OptionalDouble finite(double value) {
        return Double.isFinite(value) && value >= 0 ? OptionalDouble.of(value) : OptionalDouble.empty();
    }
}
