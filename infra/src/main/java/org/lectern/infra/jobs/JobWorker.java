package org.lectern.infra.jobs;

import com.rabbitmq.client.Channel;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.JobAttempt.Ending;
import org.lectern.infra.jobs.JobLeases.By;
import org.lectern.infra.jobs.JobLeases.Leased;
import org.lectern.infra.jobs.JobLeases.Tell;
import org.lectern.infra.jobs.LaneWorkers.Delivery;
import org.lectern.infra.jobs.order.Retries;
import org.lectern.infra.telemetry.TraceCarrier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.rabbit.listener.DirectMessageListenerContainer;
import org.springframework.context.SmartLifecycle;
import org.springframework.util.IdGenerator;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Runs the jobs of this node's types.
 *
 * <p>A message goes to its lane. When the lane has a slot, the job's lease is taken in PostgreSQL and the message is
 * acknowledged; from then on only the row counts. A beat renews the leases, writes progress and learns of cancels. The
 * result commits together with the end of the job, and only under the lease's token: a worker that lost its lease (it was
 * paused, or cut off) writes nothing. A message that cannot be read is parked by the broker.
 */
final class JobWorker implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(JobWorker.class);

    /** An attempt that was told to end has this long before its lease is left to expire. */
    private static final Duration END_GRACE = Duration.ofSeconds(10);

    private static final Duration RETRY_PAUSE = Duration.ofMillis(500);
    private static final int CAUSE_LIMIT_CHARS = 1000;
    private static final int PHASE = Integer.MAX_VALUE - 200;

    private final JobLeases leases;
    private final Clock clock;
    private final JobBroker broker;
    private final JobSettings settings;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final TraceCarrier traces;
    private final MeterRegistry meters;
    private final JobNudge nudge;
    private final JobChanges changes;
    private final QueueTimes times;
    private final Set<JobType> types;
    private final Map<String, JobHandler> handlers = new HashMap<>();
    private final Set<String> unknownKinds = ConcurrentHashMap.newKeySet();
    private final Map<Lane, LaneWorkers> lanes = new EnumMap<>(Lane.class);
    private final Retries retries;
    private final JobStore store;
    private final Map<JobType, DirectMessageListenerContainer> consumers = new ConcurrentHashMap<>();
    private final Map<JobType, Integer> consumersWanted = new ConcurrentHashMap<>();
    private final Map<JobType, Integer> consumersAtLeast = new ConcurrentHashMap<>();
    private final Map<UUID, JobAttempt> attempts = new ConcurrentHashMap<>();
    private @Nullable ScheduledExecutorService heart;
    private @Nullable ScheduledFuture<?> beating;
    private @Nullable Thread starting;
    private volatile boolean running;

    JobWorker(
            JobLeases leases,
            JobStore store,
            Clock clock,
            JobBroker broker,
            JobSettings settings,
            JsonMapper json,
            IdGenerator ids,
            TraceCarrier traces,
            MeterRegistry meters,
            JobNudge nudge,
            JobChanges changes,
            QueueTimes times,
            Set<JobType> types,
            Collection<JobHandler> handlers) {
        this.leases = leases;
        this.store = store;
        this.clock = clock;
        this.retries = settings.retries();
        this.broker = broker;
        this.settings = settings;
        this.json = json;
        this.ids = ids;
        this.traces = traces;
        this.meters = meters;
        this.nudge = nudge;
        this.changes = changes;
        this.times = times;
        this.types = Set.copyOf(types);
        for (JobHandler handler : handlers) {
            JobHandler other = this.handlers.put(handler.kind(), handler);
            if (other != null) {
                throw new IllegalStateException("Two handlers for jobs of kind " + handler.kind() + ": "
                        + other.getClass().getName() + " and "
                        + handler.getClass().getName());
            }
        }
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
                            or(limits.workers(), 1),
                            or(limits.prefetch(), 1),
                            delivery -> Thread.ofVirtual()
                                    .name("job-" + delivery.ticket().id())
                                    .start(() -> work(delivery)),
                            delivery -> Thread.ofVirtual()
                                    .name("job-back-" + delivery.ticket().id())
                                    .start(() -> handBack(List.of(delivery)))));
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
                attempt(leased.get(), delivery.queue());
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

    private void attempt(Leased leased, String queue) {
        Job job = leased.job();
        Instant begun = clock.instant();
        Timer.builder("lectern.jobs.wait")
                .tag("lane", job.lane().key())
                .tag("type", job.type().key())
                .register(meters)
                .record(Duration.between(job.runAt(), begun));
        Duration limit = or(limits(job.lane()).timeLimit(), Duration.ofMinutes(1));
        JobAttempt attempt = new JobAttempt(leased, Thread.currentThread(), begun.plus(limit));
        attempts.put(leased.token(), attempt);
        changes.changed(job.id());
        String outcome = "lost";
        try {
            outcome = run(attempt, limit);
        } finally {
            attempts.remove(leased.token());
            attempt.over();
            times.took(queue, Duration.between(begun, clock.instant()));
            meters.counter(
                            "lectern.jobs.finished",
                            "lane",
                            job.lane().key(),
                            "type",
                            job.type().key(),
                            "outcome",
                            outcome)
                    .increment();
            changes.changed(job.id());
        }
    }

    /** Runs the handler and writes down how it ended. */
    private String run(JobAttempt attempt, Duration limit) {
        Leased leased = attempt.leased();
        Job job = leased.job();
        JobHandler handler = handlers.get(job.kind());
        if (handler == null) {
            return unknown(attempt, limit);
        }
        JobHandler.Effect effect = null;
        String cause;
        boolean hopeless = false;
        try {
            effect = traces.within(
                    job.traceparent(),
                    "lectern.jobs.run",
                    Map.of("lane", job.lane().key(), "type", job.type().key(), "kind", job.kind()),
                    () -> handler.run(attempt));
            cause = "";
        } catch (RejectedJobException rejected) {
            cause = or(rejected.getMessage(), "rejected");
            hopeless = true;
        } catch (Exception | LinkageError | AssertionError | StackOverflowError | OutOfMemoryError problem) {
            cause = problem.toString();
            if (!attempt.stopped()) {
                log.warn("Job {} ({}) failed in attempt {}", job.id(), job.kind(), job.attempt(), problem);
            }
        }
        attempt.handlerReturned();
        Ending ending = attempt.ending();
        if (ending == Ending.LEASE_LOST) {
            log.warn("Job {} ({}) lost its lease; its result is dropped", job.id(), job.kind());
            return "lost";
        }
        if (effect != null && ending != Ending.CANCELLED) {
            JobHandler.Effect result = effect;
            try {
                return persist(attempt, () -> leases.done(leased, result)) ? "done" : "lost";
            } catch (EffectFailedException problem) {
                log.warn("The effect of job {} ({}) failed", job.id(), job.kind(), problem);
                cause = "its effect failed: " + problem.getCause();
            }
        }
        return ended(attempt, ending, hopeless, cut(cause), limit);
    }

    /**
     * Leaves a job to a node that knows its kind, however long that takes: while nodes are replaced by newer ones, what those ask for
     * reaches the older ones, too, and must not use up its attempts there.
     */
    private String unknown(JobAttempt attempt, Duration limit) {
        Job job = attempt.job();
        String why = "a node knows no kind of job named " + job.kind();
        if (unknownKinds.add(job.kind())) {
            log.warn("This node knows no kind of job named {}; it is left to the others", job.kind());
        }
        attempt.handlerReturned();
        Ending ending = attempt.ending();
        if (ending == Ending.LEASE_LOST) {
            return "lost";
        }
        if (ending == Ending.CANCELLED) {
            return ended(attempt, ending, false, why, limit);
        }
        try {
            return persist(attempt, () -> leases.handBack(attempt.leased(), settings.retryUnit(), cut(why)))
                    ? "handed_back"
                    : "lost";
        } catch (EffectFailedException problem) {
            log.error("Job {} could not be handed back; its lease will expire", job.id(), problem);
            return "lost";
        }
    }

    /** Writes down an end without an effect. */
    private String ended(JobAttempt attempt, @Nullable Ending ending, boolean hopeless, String cause, Duration limit) {
        try {
            return ended(attempt, ending, hopeless, cause, limit, Tell.OWNER);
        } catch (EffectFailedException problem) {
            log.error(
                    "The owner of job {} could not be told of its end",
                    attempt.job().id(),
                    problem);
        }
        try {
            return ended(attempt, ending, hopeless, cause, limit, Tell.NOBODY);
        } catch (EffectFailedException again) {
            log.error("Job {} could not be ended", attempt.job().id(), again);
            return "lost";
        }
    }

    private String ended(
            JobAttempt attempt, @Nullable Ending ending, boolean hopeless, String cause, Duration limit, Tell tell)
            throws EffectFailedException {
        Leased leased = attempt.leased();
        int number = leased.job().attempt();
        if (ending == Ending.CANCELLED) {
            return persist(attempt, () -> leases.cancelled(leased, tell, By.HOLDER)) ? "cancelled" : "lost";
        }
        if (!hopeless && ending == Ending.NODE_STOPS) {
            return persist(attempt, () -> leases.handBack(leased)) ? "handed_back" : "lost";
        }
        String why = !hopeless && ending == Ending.TIME_LIMIT
                ? "took longer than the " + limit.toSeconds() + " s that its lane permits"
                : cause;
        if (!hopeless && retries.again(number)) {
            return persist(attempt, () -> leases.again(leased, retries.after(number), why)) ? "retry" : "lost";
        }
        return persist(attempt, () -> leases.dead(leased, why, tell, By.HOLDER)) ? "dead" : "lost";
    }

    /** A write that failed though the database answers: the effect itself is at fault. */
    private static final class EffectFailedException extends Exception {
        private static final long serialVersionUID = 1L;

        EffectFailedException(Throwable cause) {
            super(cause);
        }
    }

    @FunctionalInterface
    private interface Write {
        boolean run();
    }

    /**
     * Writes the end of an attempt. The database may be away for a moment (a restart, a failover): the same write is
     * tried again while the lease lasts, which is safe since it asks for the token. What fails twice while the beat still
     * reaches the database fails for good.
     */
    private boolean persist(JobAttempt attempt, Write write) throws EffectFailedException {
        int reachable = 0;
        for (; ; ) {
            try {
                return write.run();
            } catch (RuntimeException problem) {
                if (databaseAnswers(attempt)) {
                    reachable++;
                    if (reachable >= 2) {
                        throw new EffectFailedException(problem);
                    }
                }
                if (attempt.ending() == Ending.LEASE_LOST || leaseIsOver(attempt)) {
                    return false;
                }
                try {
                    TimeUnit.MILLISECONDS.sleep(RETRY_PAUSE.toMillis());
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    return false;
                }
            }
        }
    }

    private boolean leaseIsOver(JobAttempt attempt) {
        return clock.instant().isAfter(attempt.deadline().plus(END_GRACE).plus(settings.lease()));
    }

    private boolean databaseAnswers(JobAttempt attempt) {
        try {
            UUID id = attempt.leased().job().id();
            JobLeases.Beat beat = leases.beatEach(List.of(attempt.pulse(clock.instant())));
            if (beat.unknown().contains(id)) {
                return false;
            }
            if (!beat.held().containsKey(id)) {
                attempt.end(Ending.LEASE_LOST);
            }
            return true;
        } catch (RuntimeException away) {
            return false;
        }
    }

    private static String cut(String cause) {
        return cause.length() <= CAUSE_LIMIT_CHARS ? cause : cause.substring(0, CAUSE_LIMIT_CHARS);
    }

    /** Renews leases, writes progress, ends what is cancelled, too long, or no longer ours. */
    void beat() {
        try {
            Instant now = clock.instant();
            List<JobAttempt> alive = new ArrayList<>();
            for (JobAttempt attempt : attempts.values()) {
                if (now.isAfter(attempt.deadline())) {
                    attempt.end(Ending.TIME_LIMIT);
                }
                // One that does not end though it was told to keeps its slot but not its lease.
                if (!now.isAfter(attempt.deadline().plus(END_GRACE))) {
                    alive.add(attempt);
                }
            }
            if (!alive.isEmpty()) {
                JobLeases.Beat beat = leases.beat(
                        alive.stream().map(attempt -> attempt.pulse(now)).toList());
                List<JobAttempt> missing = new ArrayList<>();
                for (JobAttempt attempt : alive) {
                    UUID id = attempt.leased().job().id();
                    Boolean cancelRequested = beat.held().get(id);
                    if (cancelRequested != null) {
                        renewed(attempt, cancelRequested);
                    } else if (!beat.unknown().contains(id)) {
                        missing.add(attempt);
                    }
                }
                lookFor(missing);
            }
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

    private void renewed(JobAttempt attempt, boolean cancelRequested) {
        if (cancelRequested) {
            attempt.end(Ending.CANCELLED);
        }
        if (attempt.hasNews()) {
            changes.changed(attempt.leased().job().id());
        }
    }

    /** They may have ended between the look at the list and the beat, or their courses may have moved. */
    private void lookFor(List<JobAttempt> missing) {
        List<JobAttempt> running = missing.stream()
                .filter(attempt -> attempts.containsKey(attempt.leased().token()))
                .toList();
        if (running.isEmpty()) {
            return;
        }
        Instant now = clock.instant();
        JobLeases.Beat found = leases.beatEach(
                running.stream().map(attempt -> attempt.pulse(now)).toList());
        for (JobAttempt attempt : running) {
            UUID id = attempt.leased().job().id();
            Boolean cancelRequested = found.held().get(id);
            if (cancelRequested != null) {
                renewed(attempt, cancelRequested);
            } else if (!found.unknown().contains(id)
                    && attempts.containsKey(attempt.leased().token())) {
                attempt.end(Ending.LEASE_LOST);
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
        lane(ticket.lane()).offer(new Delivery(ticket, queue == null ? "" : queue, () -> acknowledge(channel, tag)));
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
                    startConsuming(type);
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

    private void startConsuming(JobType type) {
        if (consumers.containsKey(type)) {
            return;
        }
        DirectMessageListenerContainer container = broker.consumer(
                broker.topology().queues(type),
                (message, channel) -> received(message, Objects.requireNonNull(channel)));
        container.setConsumersPerQueue(consumers(type));
        consumers.put(type, container);
        container.start();
    }

    /** How many consumers this node is to have on each queue of the type. */
    int consumers(JobType type) {
        return consumersWanted.getOrDefault(type, 1);
    }

    /** The consumers per queue below which this node does not go; more than 1 by the control plane's wish. */
    int leastConsumers(JobType type) {
        return consumersAtLeast.getOrDefault(type, 1);
    }

    /** Sets the floor, and goes there. */
    void consumeAtLeast(JobType type, int perQueue) {
        consumersAtLeast.put(type, perQueue);
        consume(type, perQueue);
    }

    /** With each consumer of the floor comes a set of the lanes' configured workers, except where FFmpeg needs the cores. */
    int sets() {
        return consumersAtLeast.values().stream().mapToInt(count -> count).max().orElse(1);
    }

    /** Changes how many consumers this node has on each queue of the type, also while they consume. */
    void consume(JobType type, int perQueue) {
        consumersWanted.put(type, perQueue);
        DirectMessageListenerContainer container = consumers.get(type);
        if (container != null) {
            container.setConsumersPerQueue(perQueue);
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
        consumers.values().forEach(DirectMessageListenerContainer::stop);
        List<Delivery> unstarted =
                lanes.values().stream().flatMap(lane -> lane.close().stream()).toList();
        if (!unstarted.isEmpty()) {
            handBack(unstarted);
        }
        awaitAttempts(settings.stopGrace());
        attempts.values().forEach(attempt -> attempt.end(Ending.NODE_STOPS));
        awaitAttempts(END_GRACE);
        for (JobAttempt deaf : attempts.values()) {
            try {
                leases.handBack(deaf.leased());
            } catch (RuntimeException problem) {
                log.warn(
                        "Job {} not handed back; its lease will expire",
                        deaf.job().id());
            }
        }
        ScheduledFuture<?> beats = beating;
        if (beats != null) {
            beats.cancel(false);
        }
        ScheduledExecutorService executor = heart;
        if (executor != null) {
            executor.shutdown();
        }
    }

    private void awaitAttempts(Duration atMost) {
        long until = System.nanoTime() + atMost.toNanos();
        for (JobAttempt attempt : attempts.values()) {
            try {
                if (!attempt.awaitOver(until - System.nanoTime())) {
                    return;
                }
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                return;
            }
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
