package org.lectern.infra.jobs;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.infra.jobs.JobBroker.Outgoing;
import org.lectern.infra.jobs.JobBroker.UnreachableException;
import org.lectern.infra.jobs.JobLeases.By;
import org.lectern.infra.jobs.JobLeases.Leased;
import org.lectern.infra.jobs.JobLeases.Tell;
import org.lectern.infra.jobs.JobStore.Found;
import org.lectern.infra.jobs.JobStore.LaneView;
import org.lectern.infra.jobs.order.LaneSize;
import org.lectern.infra.jobs.order.PublishOrder;
import org.lectern.infra.jobs.order.QueueChoice;
import org.lectern.infra.jobs.order.Ready;
import org.lectern.infra.jobs.order.Retries;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Moves what is runnable from the job table to the broker, and back what the broker or a worker lost.
 *
 * <p>It runs on every node that consumes, for that node's types, and publishes only as much as the node's own lanes can
 * take now and keep ready: the places of the whole cluster are the sum, without any node knowing the others. Who consumes
 * the messages does not matter. Several relays at once are safe: a job is published by the one whose update finds it
 * still waiting. The steps are claim (commit), publish (confirms), so a crash in between leaves a published row without a
 * message, which is sent again when nobody starts it.
 *
 * <p>One virtual thread; it blocks and is never on a request's path.
 */
final class JobRelay implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(JobRelay.class);

    private static final Duration AFTER_TROUBLE = Duration.ofSeconds(1);
    private static final Duration PURGING = Duration.ofMinutes(10);
    private static final Duration PACE_WINDOW = Duration.ofMillis(50);
    private static final Duration DEPTHS_FRESH = Duration.ofSeconds(1);
    private static final Duration LONGEST_REST = Duration.ofMillis(100);
    private static final String LOST = "its worker gave no sign of life";
    private static final int PHASE = Integer.MAX_VALUE - 100;

    private final JobStore store;
    private final JobLeases leases;
    private final JobBroker broker;
    private final JobWorker worker;
    private final QueueConsumers consumers;
    private final JobSettings settings;
    private final JobNudge nudge;
    private final JobChanges changes;
    private final QueueTimes times;
    private final Set<JobType> types;
    private final String node;
    private final Map<Lane, PublishOrder> orders = new EnumMap<>(Lane.class);
    private final Map<Lane, Map<PhysicalShardId, UUID>> lastCourses = new EnumMap<>(Lane.class);
    private final Map<Lane, Pace> paces = new EnumMap<>(Lane.class);
    private final Retries retries;
    private final Map<String, Long> depths = new HashMap<>();
    private final Map<String, JobStore.Backlog> backlogs = new ConcurrentHashMap<>();
    private final Counter published;
    private final Counter resent;
    private final Counter reaped;
    private Instant depthsSeen = Instant.MIN;
    private Instant housekept = Instant.MIN;
    private Instant purged = Instant.MIN;
    private long session;
    private long place;
    private int turns;
    private @Nullable Thread thread;
    private volatile boolean running;

    JobRelay(
            JobStore store,
            JobLeases leases,
            JobBroker broker,
            JobWorker worker,
            QueueConsumers consumers,
            JobSettings settings,
            MeterRegistry meters,
            JobNudge nudge,
            JobChanges changes,
            QueueTimes times,
            Set<JobType> types,
            String node) {
        this.store = store;
        this.leases = leases;
        this.retries = settings.retries();
        this.broker = broker;
        this.worker = worker;
        this.consumers = consumers;
        this.settings = settings;
        this.nudge = nudge;
        this.changes = changes;
        this.times = times;
        this.types = Set.copyOf(types);
        this.node = node;
        for (Lane lane : Lane.values()) {
            orders.put(lane, new PublishOrder(settings.patience(), settings.overdueShare()));
        }
        published = meters.counter("lectern.jobs.published");
        resent = meters.counter("lectern.jobs.resent");
        reaped = meters.counter("lectern.jobs.reaped");
        for (JobType type : this.types) {
            for (Lane lane : Lane.values()) {
                Gauge.builder("lectern.jobs.depth", () -> depth(type, lane))
                        .tag("type", type.key())
                        .tag("lane", lane.key())
                        .register(meters);
                Gauge.builder("lectern.jobs.oldest.age", () -> ageSeconds(type, lane))
                        .baseUnit("seconds")
                        .tag("type", type.key())
                        .tag("lane", lane.key())
                        .register(meters);
            }
        }
    }

    private static String key(JobType type, Lane lane) {
        return type.key() + "/" + lane.key();
    }

    private long depth(JobType type, Lane lane) {
        JobStore.Backlog backlog = backlogs.get(key(type, lane));
        return backlog == null ? 0 : backlog.depth();
    }

    private double ageSeconds(JobType type, Lane lane) {
        JobStore.Backlog backlog = backlogs.get(key(type, lane));
        if (backlog == null) {
            return 0;
        }
        return Math.max(
                0, Duration.between(backlog.oldest(), store.clock().instant()).toMillis() / 1000.0);
    }

    /**
     * Looks once and publishes what there is room for.
     *
     * @return how many jobs were published
     */
    int turn() throws UnreachableException {
        long now = broker.connect();
        if (now != session) {
            long again = store.sessionLost(node);
            session = now;
            if (again > 0) {
                resent.increment((double) again);
                log.info("{} published jobs are sent again over a new connection", again);
            }
        }
        int sent = 0;
        for (Map.Entry<Lane, LaneView> entry : store.lanes(types, node).entrySet()) {
            if (entry.getValue().waiting()) {
                sent += fill(entry.getKey(), entry.getValue());
            }
        }
        return sent;
    }

    private int fill(Lane lane, LaneView view) throws UnreachableException {
        LaneWorkers workers = worker.lane(lane);
        if (workers.leavesToOthers()) {
            return 0;
        }
        int prefetch = Objects.requireNonNullElse(worker.limits(lane).prefetch(), 1);
        int ready = Ready.jobs(prefetch, perSecond(lane, workers.finished()));
        workers.keepReady(ready);
        int idle = Math.max(0, workers.size() - workers.running());
        int window = idle + ready;
        int free = Math.max(0, window - view.published());
        // When the window is full, what is more urgent may still go past the least urgent one in it.
        int overtaking = Math.max(0, Math.max(1, ready) + window - Math.max(window, view.published()));
        if (free + overtaking == 0) {
            return 0;
        }
        var room = new PublishOrder.Room(free, overtaking, view.leastUrgent());
        JobStore.Candidates candidates = store.candidates(
                lane,
                types,
                lastCourses.getOrDefault(lane, Map.of()),
                free + overtaking,
                store.clock().instant().minus(settings.patience()));
        lastCourses.put(lane, candidates.last());
        Map<UUID, Found> byId = new LinkedHashMap<>();
        // One whose attempt is ending here without its lease would only come back as a copy.
        candidates.found().stream()
                .filter(one -> !workers.has(one.candidate().id()))
                .forEach(one -> byId.put(one.candidate().id(), one));
        PublishOrder order = orders.get(lane);
        if (order == null || byId.isEmpty()) {
            return 0;
        }
        List<PublishOrder.Pick> picks = order.choose(
                byId.values().stream().map(Found::candidate).toList(),
                room,
                store.clock().instant());
        if (picks.isEmpty()) {
            return 0;
        }
        long base = Math.max(place, store.clock().millis() * 1000);
        Map<UUID, JobTicket> tickets = new LinkedHashMap<>();
        for (PublishOrder.Pick pick : picks) {
            PublishOrder.Candidate job = pick.job();
            tickets.put(job.id(), new JobTicket(job.course(), job.id(), lane, pick.urgency(), base++));
        }
        place = base;
        return publish(tickets, byId);
    }

    private int publish(Map<UUID, JobTicket> tickets, Map<UUID, Found> found) throws UnreachableException {
        // Before the claim: if the broker is away, nothing has to be given back.
        refreshDepths();
        Set<UUID> claimed = store.claim(tickets.values(), node);
        List<Outgoing> outgoing = new ArrayList<>();
        for (JobTicket ticket : tickets.values()) {
            Found one = found.get(ticket.id());
            if (one != null && claimed.contains(ticket.id())) {
                outgoing.add(new Outgoing(queueFor(one.type()), ticket));
            }
        }
        Set<UUID> unroutable;
        try {
            unroutable = broker.publish(outgoing);
        } catch (UnreachableException away) {
            store.handBackPublished(outgoing.stream().map(Outgoing::ticket).toList());
            throw away;
        }
        if (!unroutable.isEmpty()) {
            log.warn("{} jobs found no queue; the topology is declared again", unroutable.size());
            store.handBackPublished(outgoing.stream()
                    .map(Outgoing::ticket)
                    .filter(ticket -> unroutable.contains(ticket.id()))
                    .toList());
            broker.close();
        }
        outgoing.forEach(message -> changes.changed(message.ticket().id()));
        int sent = outgoing.size() - unroutable.size();
        published.increment(sent);
        return sent;
    }

    /** How many jobs a lane had ended when it was last looked at, and how many per second it ends lately. */
    private record Pace(Instant at, long finished, double perSecond) {
        private static final double NEWEST = 0.3;

        private Pace next(Instant now, long finishedNow) {
            double seconds = Duration.between(at, now).toNanos() / 1e9;
            double measured = (finishedNow - finished) / seconds;
            return new Pace(now, finishedNow, perSecond + NEWEST * (measured - perSecond));
        }
    }

    private double perSecond(Lane lane, long finished) {
        Instant now = store.clock().instant();
        Pace before = paces.getOrDefault(lane, new Pace(now, finished, 0));
        Pace pace = Duration.between(before.at(), now).compareTo(PACE_WINDOW) < 0 ? before : before.next(now, finished);
        paces.put(lane, pace);
        return pace.perSecond();
    }

    private void refreshDepths() throws UnreachableException {
        Instant now = store.clock().instant();
        if (depthsSeen.isAfter(now.minus(DEPTHS_FRESH))) {
            return;
        }
        for (JobType type : types) {
            for (String queue : broker.topology().queues(type)) {
                depths.put(queue, broker.depth(queue));
            }
        }
        depthsSeen = now;
    }

    private String queueFor(JobType type) {
        List<String> queues = broker.topology().queues(type);
        List<QueueChoice.Load> loads = queues.stream()
                .map(queue -> new QueueChoice.Load(depths.getOrDefault(queue, 0L), times.meanMillis(queue)))
                .toList();
        String queue = queues.get(QueueChoice.best(loads, turns++));
        depths.merge(queue, 1L, Long::sum);
        return queue;
    }

    /** Sends again what nobody started, and ends or repeats what lost its worker. */
    void mend() {
        Instant now = store.clock().instant();
        long again = store.resend(types, now.minus(settings.resendAfter()));
        if (again > 0) {
            resent.increment((double) again);
            log.info("{} published jobs that nobody started are sent again", again);
        }
        for (Leased expired : store.expired(types, settings.lease())) {
            try {
                reap(expired);
            } catch (RuntimeException problem) {
                log.warn(
                        "Job {} lost its worker and cannot be ended yet: {}",
                        expired.job().id(),
                        problem.toString());
            }
        }
    }

    /**
     * A worker that died may have died of the job, so this is an attempt like any other: it counts, and the next one
     * waits. Otherwise a job that kills its workers would take one after the other within a minute.
     */
    private void reap(Leased expired) {
        Job job = expired.job();
        boolean changed;
        if (job.cancelRequested()) {
            changed = leases.cancelled(expired, Tell.OWNER, By.REAPER);
        } else if (retries.again(job.attempt())) {
            changed = leases.lost(expired, retries.after(job.attempt()), LOST);
        } else {
            changed = leases.dead(expired, LOST, Tell.OWNER, By.REAPER);
        }
        if (changed) {
            reaped.increment();
            log.warn("Job {} ({}) lost its worker in attempt {}", job.id(), job.kind(), job.attempt());
            changes.changed(job.id());
        }
    }

    private void housekeep() {
        Instant now = store.clock().instant();
        if (housekept.isAfter(now.minus(settings.housekeeping()))) {
            return;
        }
        housekept = now;
        mend();
        Map<String, JobStore.Backlog> seen = new HashMap<>();
        Map<Lane, Long> deep = new EnumMap<>(Lane.class);
        Map<JobType, Long> waiting = new EnumMap<>(JobType.class);
        for (JobStore.Backlog backlog : store.backlogNow()) {
            if (types.contains(backlog.type())) {
                seen.merge(
                        key(backlog.type(), backlog.lane()),
                        backlog,
                        (one, other) -> new JobStore.Backlog(
                                one.type(),
                                one.lane(),
                                one.depth() + other.depth(),
                                one.oldest().isBefore(other.oldest()) ? one.oldest() : other.oldest()));
                deep.merge(backlog.lane(), backlog.depth(), Long::sum);
                waiting.merge(backlog.type(), backlog.depth(), Long::sum);
            }
        }
        backlogs.putAll(seen);
        backlogs.keySet().retainAll(seen.keySet());
        for (Lane lane : Lane.values()) {
            resize(lane, deep.getOrDefault(lane, 0L));
        }
        for (JobType type : types) {
            int present = consumers.perQueue(type);
            int wanted = LaneSize.next(
                    present, consumers.floor(type), settings.maxConsumers(), waiting.getOrDefault(type, 0L));
            if (wanted != present) {
                consumers.consume(type, wanted);
            }
        }
        if (purged.isBefore(now.minus(PURGING))) {
            purged = now;
            store.purge(now.minus(settings.retention()));
        }
    }

    private void resize(Lane lane, long depth) {
        LaneWorkers workers = worker.lane(lane);
        JobSettings.LaneLimits limits = worker.limits(lane);
        int sets = lane == Lane.TRANSCODE ? 1 : consumers.sets();
        int least = sets * Objects.requireNonNullElse(limits.workers(), 1);
        int most = Math.max(least, sets * Objects.requireNonNullElse(limits.maxWorkers(), 1));
        int now = workers.size();
        int next = LaneSize.next(now, least, most, depth);
        if (next != now) {
            workers.resize(next);
            log.info("Lane {} has {} workers now, {} jobs wait", lane.key(), next, depth);
        }
    }

    private void loop() {
        boolean well = true;
        while (running) {
            Duration pause = settings.idle();
            try {
                housekeep();
                long begun = System.nanoTime();
                if (turn() > 0) {
                    pause = Duration.ZERO;
                }
                rest(Duration.ofNanos(System.nanoTime() - begun));
                if (!well) {
                    log.info("The job relay works again");
                }
                well = true;
            } catch (UnreachableException | RuntimeException problem) {
                if (running && well) {
                    log.warn(
                            "The job relay waits: {}",
                            String.valueOf(problem.getCause() == null ? problem : problem.getCause()));
                }
                well = false;
                pause = AFTER_TROUBLE;
            } catch (InterruptedException stopping) {
                return;
            }
            try {
                nudge.await(pause);
            } catch (InterruptedException stopping) {
                return;
            }
        }
    }

    /**
     * Rests for as long as it has worked. A look costs the same for one job as for a hundred: so the slower looks are, the
     * more jobs each of them finds, and a job that comes alone waits no longer than one look.
     */
    private static void rest(Duration worked) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(worked.compareTo(LONGEST_REST) < 0 ? worked.toNanos() : LONGEST_REST.toNanos());
    }

    @Override
    public void start() {
        running = true;
        thread = Thread.ofVirtual().name("jobs-relay").start(this::loop);
    }

    @Override
    public void stop() {
        running = false;
        nudge.now();
        Thread loop = thread;
        if (loop != null) {
            try {
                loop.join(Duration.ofSeconds(5));
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
            loop.interrupt();
        }
        broker.close();
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
