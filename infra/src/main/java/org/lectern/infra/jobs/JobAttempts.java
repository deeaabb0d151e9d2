package org.lectern.infra.jobs;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.JobAttempt.Ending;
import org.lectern.infra.jobs.JobLeases.By;
import org.lectern.infra.jobs.JobLeases.Leased;
import org.lectern.infra.jobs.JobLeases.Tell;
import org.lectern.infra.jobs.order.Retries;
import org.lectern.infra.telemetry.TraceCarrier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The attempts that this node has under way. Each runs its job's handler on the thread that asks, and writes down how it
 * ended; {@link #renew} keeps the leases of all, writes their progress and learns of cancels. The result commits together
 * with the end of the job, and only under the lease's token: an attempt that lost its lease (its node was paused, or cut
 * off) writes nothing. Thread-safe; blocks.
 */
final class JobAttempts {

    private static final Logger log = LoggerFactory.getLogger(JobAttempts.class);

    /** An attempt that was told to end has this long before its lease is left to expire. */
    private static final Duration END_GRACE = Duration.ofSeconds(10);

    private static final Duration RETRY_PAUSE = Duration.ofMillis(500);
    private static final Duration FALLBACK_LIMIT = Duration.ofMinutes(1);
    private static final int CAUSE_LIMIT_CHARS = 1000;

    private final JobLeases leases;
    private final Clock clock;
    private final JobSettings settings;
    private final Retries retries;
    private final TraceCarrier traces;
    private final MeterRegistry meters;
    private final JobChanges changes;
    private final QueueTimes times;
    private final Map<String, JobHandler> handlers = new HashMap<>();
    private final Set<String> unknownKinds = ConcurrentHashMap.newKeySet();
    private final Map<UUID, JobAttempt> attempts = new ConcurrentHashMap<>();

    JobAttempts(
            JobLeases leases,
            Clock clock,
            JobSettings settings,
            TraceCarrier traces,
            MeterRegistry meters,
            JobChanges changes,
            QueueTimes times,
            Collection<JobHandler> handlers) {
        this.leases = leases;
        this.clock = clock;
        this.settings = settings;
        this.retries = settings.retries();
        this.traces = traces;
        this.meters = meters;
        this.changes = changes;
        this.times = times;
        for (JobHandler handler : handlers) {
            JobHandler other = this.handlers.put(handler.kind(), handler);
            if (other != null) {
                throw new IllegalStateException("Two handlers for jobs of kind " + handler.kind() + ": "
                        + other.getClass().getName() + " and "
                        + handler.getClass().getName());
            }
        }
    }

    /** Runs a job to the end of the attempt. */
    void run(Leased leased, String queue) {
        Job job = leased.job();
        Instant begun = clock.instant();
        Timer.builder("lectern.jobs.wait")
                .tag("lane", job.lane().key())
                .tag("type", job.type().key())
                .register(meters)
                .record(Duration.between(job.runAt(), begun));
        Duration limit =
                Objects.requireNonNullElse(settings.lanes().of(job.lane()).timeLimit(), FALLBACK_LIMIT);
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
            attempt.handlerReturned();
            return unknown(attempt);
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
            cause = Objects.requireNonNullElse(rejected.getMessage(), "rejected");
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

    /**
     * A job that only newer nodes know, while not all are new: it goes back for another node to take, and does not count as an
     * attempt; the longer nobody knows it, the more seldom it is tried. Only one that is refused often and for long is dead.
     */
    private String unknown(JobAttempt attempt) {
        Leased leased = attempt.leased();
        Job job = leased.job();
        Instant now = clock.instant();
        Duration since = Duration.between(UnknownKind.since(job, now), now);
        String why = "no node that took it knows this kind of job: " + job.kind();
        Ending ending = attempt.ending();
        if (ending == Ending.LEASE_LOST) {
            return "lost";
        }
        if (ending == Ending.CANCELLED) {
            return ended(attempt, ending, false, cut(why), Duration.ZERO);
        }
        int times = UnknownKind.times(job) + 1;
        if (since.compareTo(settings.unknownKindPatience()) >= 0 && times >= UnknownKind.LEAST_TIMES) {
            log.warn(
                    "Job {} ({}) is of a kind that none of {} takers knew within {}",
                    job.id(),
                    job.kind(),
                    times,
                    since);
            return ended(attempt, ending, true, cut(why), Duration.ZERO);
        }
        if (unknownKinds.add(job.kind())) {
            log.warn("This node knows no kind of job named {}; it is left to the others", job.kind());
        }
        try {
            return persist(attempt, () -> leases.unknown(leased, UnknownKind.pause(since), cut(why)))
                    ? UnknownKind.OUTCOME
                    : "lost";
        } catch (EffectFailedException problem) {
            log.warn("Job {} ({}) could not be handed back", job.id(), job.kind(), problem);
            return "lost";
        }
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
    void renew() {
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
        if (alive.isEmpty()) {
            return;
        }
        JobLeases.Beat beat =
                leases.beat(alive.stream().map(attempt -> attempt.pulse(now)).toList());
        List<JobAttempt> missing = new ArrayList<>();
        for (JobAttempt attempt : alive) {
            UUID id = attempt.job().id();
            Boolean cancelRequested = beat.held().get(id);
            if (cancelRequested != null) {
                renewed(attempt, cancelRequested);
            } else if (!beat.unknown().contains(id)) {
                missing.add(attempt);
            }
        }
        lookFor(missing);
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

    /** Whether an attempt of this job is ending here since its lease is gone. */
    boolean lost(UUID job) {
        return attempts.values().stream()
                .anyMatch(attempt -> attempt.job().id().equals(job) && attempt.ending() == Ending.LEASE_LOST);
    }

    /** Lets what is short end, tells the others to, and hands back what does not listen. */
    void stop(Duration grace) {
        awaitAttempts(grace);
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
}
