package org.lectern.infra.jobs.order;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.ToLongFunction;

/**
 * Chooses which runnable jobs of one lane are handed to the broker next. Only a small window is handed over at a time, so
 * what is chosen here is what starts.
 *
 * <p>The rules, in the order in which they count:
 *
 * <ol>
 *   <li><b>Ageing.</b> A job that has waited longer than the patience is overdue, and while there are overdue jobs every
 *       n-th pick is one of them, whatever its score: so a low score never starves, and a fresh high one still gets the
 *       other picks.
 *   <li><b>Score.</b> The highest first.
 *   <li><b>Fairness.</b> Among equal scores (and among overdue jobs) the course that has been served least goes first:
 *       start-time fair queueing (Goyal, Vin and Cheng, 1996) with one virtual clock for the lane. A course that was idle
 *       begins at the clock's present time, so it neither waits behind the backlog of others nor saves up a right.
 *   <li><b>First come.</b> Within a course, who became runnable earlier, then the smaller id.
 * </ol>
 *
 * <p>A lane whose slots are all busy keeps a few jobs ready beside them (its window). When the window is full, only a job
 * that is more urgent than the least urgent one in it may still be added, up to a second bound: it overtakes there, since
 * workers take what is ready by urgency. Everything else is held back here.
 *
 * <p>Not thread-safe. Remembers no course whose share is even, so memory is bounded by the courses with a backlog.
 */
public final class PublishOrder {

    /** The urgency of an overdue job: above any usual score, so that it is not overtaken once it is chosen. */
    public static final int OVERDUE = 50;

    private final Duration patience;
    private final int share;
    private final Map<UUID, Long> nextTurn = new HashMap<>();
    private long clock;
    private int sinceOverdue;

    /**
     * Makes the order of one lane.
     *
     * @param patience how long a job may be held back in favour of higher scores
     * @param share while something is overdue, every how many picks goes to an overdue job; at least 1
     */
    public PublishOrder(Duration patience, int share) {
        if (share < 1) {
            throw new IllegalArgumentException("share must be at least 1");
        }
        this.patience = patience;
        this.share = share;
    }

    /**
     * A job that could start now.
     *
     * @param id its id
     * @param course whose it is
     * @param score its priority
     * @param runnableSince since when it may run
     */
    public record Candidate(UUID id, UUID course, int score, Instant runnableSince) {}

    /**
     * How much may be handed over.
     *
     * @param free places for any job
     * @param overtaking places for jobs more urgent than the least urgent one that is ready, when none is free
     * @param leastUrgent the urgency of that one; meaningless where nothing is ready
     */
    public record Room(int free, int overtaking, int leastUrgent) {}

    /**
     * A choice.
     *
     * @param job the job
     * @param urgency its score, or {@link #OVERDUE} if that is more and the job is overdue
     */
    public record Pick(Candidate job, int urgency) {}

    /** The jobs to hand over now, the first one first; each candidate at most once. */
    public List<Pick> choose(Collection<Candidate> candidates, Room room, Instant now) {
        Instant overdueBefore = now.minus(patience);
        List<Candidate> left = new ArrayList<>(candidates);
        List<Pick> picks = new ArrayList<>();
        int free = room.free();
        int overtaking = room.overtaking();
        while (!left.isEmpty() && (free > 0 || overtaking > 0)) {
            Pick pick = next(left, overdueBefore);
            if (free > 0) {
                free--;
            } else if (pick.urgency() > room.leastUrgent()) {
                overtaking--;
            } else {
                // The overdue one may not overtake, but a high score may.
                Candidate best = left.stream().min(byScore()).orElseThrow();
                if (best.score() <= room.leastUrgent()) {
                    break;
                }
                pick = new Pick(best, best.score());
                overtaking--;
            }
            left.remove(pick.job());
            served(pick, overdueBefore);
            picks.add(pick);
        }
        nextTurn.values().removeIf(turn -> turn <= clock);
        return picks;
    }

    private Pick next(List<Candidate> left, Instant overdueBefore) {
        if (sinceOverdue >= share - 1) {
            var overdue = left.stream()
                    .filter(job -> job.runnableSince().isBefore(overdueBefore))
                    .min(byTurn());
            if (overdue.isPresent()) {
                return new Pick(overdue.get(), Math.max(OVERDUE, overdue.get().score()));
            }
        }
        Candidate best = left.stream().min(byScore()).orElseThrow();
        return new Pick(best, best.score());
    }

    private void served(Pick pick, Instant overdueBefore) {
        Candidate job = pick.job();
        long turn = turn(job);
        clock = Math.max(clock, turn);
        nextTurn.put(job.course(), turn + 1);
        boolean wasOverdue = job.runnableSince().isBefore(overdueBefore);
        sinceOverdue = wasOverdue ? 0 : Math.min(sinceOverdue + 1, share);
    }

    private long turn(Candidate job) {
        return Math.max(clock, nextTurn.getOrDefault(job.course(), 0L));
    }

    private Comparator<Candidate> byScore() {
        return Comparator.comparingInt(Candidate::score).reversed().thenComparing(byTurn());
    }

    private Comparator<Candidate> byTurn() {
        ToLongFunction<Candidate> turn = this::turn;
        return Comparator.comparingLong(turn)
                .thenComparing(Candidate::runnableSince)
                .thenComparing(Candidate::id);
    }
}
