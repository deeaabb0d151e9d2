package org.lectern.infra.jobs.order;

import java.util.List;

/** Chooses the queue in which a message is expected to wait least. */
public final class QueueChoice {

    private QueueChoice() {}

    /**
     * What is known of a queue.
     *
     * @param depth messages in it
     * @param meanMillis how long a job from it takes lately, in milliseconds; 0 when unknown
     */
    public record Load(long depth, double meanMillis) {}

    /**
     * The queue with the least work in front of a new message: depth x processing time. An unknown time counts as the
     * mean of the known ones, or as the same for all.
     *
     * @param queues one per queue, not empty
     * @param turn which of equally good queues: they take turns
     * @return its position in the list
     */
    public static int best(List<Load> queues, int turn) {
        double known = queues.stream()
                .mapToDouble(Load::meanMillis)
                .filter(millis -> millis > 0)
                .average()
                .orElse(1);
        int best = -1;
        double least = 0;
        for (int i = 0; i < queues.size(); i++) {
            int at = (Math.floorMod(turn, queues.size()) + i) % queues.size();
            Load load = queues.get(at);
            double work = load.depth() * (load.meanMillis() > 0 ? load.meanMillis() : known);
            if (best < 0 || work < least) {
                best = at;
                least = work;
            }
        }
        return best;
    }
}
