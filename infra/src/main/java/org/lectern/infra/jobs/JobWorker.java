package org.lectern.infra.jobs;

import com.rabbitmq.client.Channel;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.JobLeases.Leased;
import org.lectern.infra.jobs.LaneWorkers.Delivery;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.amqp.core.Message;
import org.springframework.context.SmartLifecycle;
import org.springframework.util.IdGenerator;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Runs the jobs of this node's types.
 *
 * <p>A message goes to its lane. When the lane has a slot, the job's lease is taken in PostgreSQL and the message is
 * acknowledged; from then on only the row counts, and {@link JobAttempts} does the work. A message that cannot be read is
 * parked by the broker.
 */
final class JobWorker implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(JobWorker.class);

    private static final Duration RETRY_PAUSE = Duration.ofMillis(500);
    private static final int PHASE = Integer.MAX_VALUE - 200;

    private final JobLeases leases;
    private final JobBroker broker;
    private final JobSettings settings;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final MeterRegistry meters;
    private final JobNudge nudge;
    private final Set<JobType> types;
    private final Map<Lane, LaneWorkers> lanes = new EnumMap<>(Lane.class);
    private final JobStore store;
    private final JobAttempts attempts;
    private final QueueConsumers consumers;
    private @Nullable ScheduledExecutorService heart;
    private @Nullable ScheduledFuture<?> beating;
    private @Nullable Thread starting;
    private volatile boolean running;

    JobWorker(
            JobLeases leases,
            JobStore store,
            JobBroker broker,
            JobSettings settings,
            JsonMapper json,
            IdGenerator ids,
            MeterRegistry meters,
            JobNudge nudge,
            Set<JobType> types,
            JobAttempts attempts,
            QueueConsumers consumers) {
        this.leases = leases;
        this.store = store;
        this.broker = broker;
        this.settings = settings;
        this.json = json;
        this.ids = ids;
        this.meters = meters;
        this.nudge = nudge;
        this.types = Set.copyOf(types);
        this.attempts = attempts;
        this.consumers = consumers;
        openLanes();
        for (Lane lane : Lane.values()) {
            Gauge.builder("lectern.jobs.running", () -> lane(lane).running())
                    .tag("lane", lane.key())
                    .register(meters);
            Gauge.builder("lectern.jobs.workers", () -> lane(lane).size())
                    .tag("lane", lane.key())
                    .register(meters);
        }
    }

    private void openLanes() {
        for (Lane lane : Lane.values()) {
            JobSettings.LaneLimits limits = limits(lane);
            lanes.put(
                    lane,
                    new LaneWorkers(
                            lane,
                            store.clock(),
                            or(limits.workers(), 1),
                            or(limits.prefetch(), 1),
                            delivery -> Thread.ofVirtual()
                                    .name("job-" + delivery.ticket().id())
                                    .start(() -> work(delivery)),
                            delivery -> Thread.ofVirtual()
                                    .name("job-back-" + delivery.ticket().id())
                                    .start(() -> handBack(List.of(delivery))),
                            this::copy));
        }
    }

    /** One more message of a job that is here already; its row says the rest, unless its lease is gone. */
    private void copy(Delivery delivery) {
        if (attempts.lost(delivery.ticket().id())) {
            Thread.ofVirtual().name("job-back-" + delivery.ticket().id()).start(() -> handBack(List.of(delivery)));
        } else {
            delivery.acknowledge().run();
        }
    }

    JobSettings.LaneLimits limits(Lane lane) {
        return settings.lanes().of(lane);
    }

    private static <T> T or(@Nullable T value, T fallback) {
        return value == null ? fallback : value;
    }

    LaneWorkers lane(Lane lane) {
        LaneWorkers workers = lanes.get(lane);
        if (workers == null) {
            throw new IllegalStateException("No lane " + lane);
        }
        return workers;
    }

    private void work(Delivery delivery) {
        JobTicket ticket = delivery.ticket();
        try {
            Optional<Leased> leased = leases.take(ticket, ids.generateId());
            delivery.acknowledge().run();
            if (leased.isPresent()) {
                // There is room for one more: the best of what waits is to be here before this one ends.
                nudge.now();
                attempts.run(leased.get(), delivery.queue());
            }
        } catch (RuntimeException problem) {
            // No lease: the row says what becomes of the job, and the relay sends it again.
            delivery.acknowledge().run();
            log.warn("Job {} not begun: {}", ticket.id(), problem.toString());
        } finally {
            lane(ticket.lane()).finished(ticket.id());
            nudge.now();
        }
    }

    /** Says of all that is here, running or waiting, that it is not lost. */
    void beat() {
        try {
            attempts.renew();
            leaveToOthers();
            List<JobTicket> waiting = lanes.values().stream()
                    .flatMap(lane -> lane.held().stream())
                    .toList();
            if (!waiting.isEmpty()) {
                store.stillHeld(waiting);
            }
        } catch (RuntimeException problem) {
            log.warn("Leases not renewed, will try again: {}", problem.toString());
        }
    }

    private void leaveToOthers() {
        for (LaneWorkers lane : lanes.values()) {
            Collection<Delivery> left = lane.leaveToOthers();
            if (!left.isEmpty()) {
                meters.counter("lectern.jobs.left", "lane", lane.lane().key()).increment((double) left.size());
                // Elsewhere: a shard that does not answer must not hold up the leases of the others.
                Thread.ofVirtual().name("job-left-" + lane.lane().key()).start(() -> handBack(left));
            }
        }
    }

    /** A message from the broker. */
    void received(Message message, Channel channel) throws IOException {
        long tag = message.getMessageProperties().getDeliveryTag();
        JobTicket ticket;
        try {
            JobTicket read = json.readValue(message.getBody(), JobTicket.class);
            if (read == null || read.id() == null || read.contextId() == null || read.lane() == null) {
                throw new IllegalArgumentException("incomplete");
            }
            ticket = read;
        } catch (JacksonException | IllegalArgumentException malformed) {
            log.warn("A message of {} bytes cannot be read and is parked", message.getBody().length);
            channel.basicReject(tag, false);
            return;
        }
        String queue = message.getMessageProperties().getConsumerQueue();
        lane(ticket.lane())
                .offer(new Delivery(
                        ticket,
                        queue == null ? "" : queue,
                        () -> acknowledge(channel, tag),
                        store.clock().instant()));
    }

    private static void acknowledge(Channel channel, long tag) {
        try {
            channel.basicAck(tag, false);
        } catch (IOException | RuntimeException gone) {
            log.debug("Not acknowledged, the broker will deliver it again", gone);
        }
    }

    private void handBack(Collection<Delivery> deliveries) {
        try {
            store.handBackPublished(deliveries.stream().map(Delivery::ticket).toList());
            nudge.now();
        } catch (RuntimeException problem) {
            log.warn("{} messages not handed back, they will be sent again later", deliveries.size());
        }
        deliveries.forEach(delivery -> delivery.acknowledge().run());
    }

    @Override
    public void start() {
        running = true;
        lanes.values().forEach(LaneWorkers::open);
        heart = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("jobs-beat").daemon().factory());
        long beat = settings.beat().toMillis();
        beating = heart.scheduleWithFixedDelay(this::beat, beat, beat, TimeUnit.MILLISECONDS);
        starting = Thread.ofVirtual().name("jobs-consumer-start").start(this::startConsuming);
    }

    /** Starts once the broker can be reached; from then on the containers mend themselves. */
    private void startConsuming() {
        while (running) {
            try {
                broker.connect();
                for (JobType type : types) {
                    consumers.start(type, (message, channel) -> received(message, Objects.requireNonNull(channel)));
                }
                return;
            } catch (JobBroker.UnreachableException | RuntimeException away) {
                log.debug("No broker yet", away);
            }
            try {
                TimeUnit.MILLISECONDS.sleep(RETRY_PAUSE.toMillis());
            } catch (InterruptedException stopping) {
                return;
            }
        }
    }

    /** Takes nothing new, lets short jobs end, hands the others back. */
    @Override
    public void stop() {
        running = false;
        Thread start = starting;
        if (start != null) {
            start.interrupt();
        }
        consumers.stop();
        List<Delivery> unstarted =
                lanes.values().stream().flatMap(lane -> lane.close().stream()).toList();
        if (!unstarted.isEmpty()) {
            handBack(unstarted);
        }
        attempts.stop(settings.stopGrace());
        ScheduledFuture<?> beats = beating;
        if (beats != null) {
            beats.cancel(false);
        }
        ScheduledExecutorService executor = heart;
        if (executor != null) {
            executor.shutdown();
        }
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
