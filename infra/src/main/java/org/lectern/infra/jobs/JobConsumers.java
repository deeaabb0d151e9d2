package org.lectern.infra.jobs;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.lectern.infra.scaling.Actuator;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Lets the control plane grow and shrink the consumers of a type of jobs, within this process. The subject is the type's
 * key ({@code video}); the count is that of consumers on each of the type's queues over all nodes, as the broker counts
 * them. This node adds or removes only its own, and keeps from one to {@code lectern.jobs.max-consumers}; with each of
 * them the node runs one more set of its lanes' workers.
 */
final class JobConsumers implements Actuator {

    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

    private final JobBroker broker;
    private final QueueConsumers consumers;
    private final int most;
    private final Set<JobType> types;

    /**
     * Consumers of this node.
     *
     * @param most on each queue
     * @param types that this node consumes
     */
    JobConsumers(JobBroker broker, QueueConsumers consumers, int most, Set<JobType> types) {
        this.broker = broker;
        this.consumers = consumers;
        this.most = most;
        this.types = Set.copyOf(types);
    }

    @Override
    public Resource resource() {
        return Resource.CONSUMERS;
    }

    /**
     * {@inheritDoc}
     *
     * <p>Fails with {@link IllegalArgumentException} for a type that this node does not consume.
     */
    @Override
    public Mono<Integer> scale(String subject, int count) {
        return Mono.fromCallable(() -> aim(type(subject), count))
                .flatMap(aim -> Mono.fromCallable(() -> counted(aim.type()))
                        .filter(counted -> counted == aim.total())
                        .repeatWhenEmpty(looks -> looks.delayElements(LOOK_AGAIN, Schedulers.boundedElastic()))
                        .timeout(LIMIT, Mono.fromCallable(() -> counted(aim.type()))))
                .subscribeOn(Schedulers.boundedElastic());
    }

    private record Aim(JobType type, int total) {}

    private Aim aim(JobType type, int count) throws JobBroker.UnreachableException {
        int others = Math.max(0, counted(type) - consumers.perQueue(type));
        int mine = Math.clamp((long) count - others, 1, most);
        consumers.floor(type, mine);
        return new Aim(type, others + mine);
    }

    /** The least of the type's queues. */
    private int counted(JobType type) throws JobBroker.UnreachableException {
        int least = Integer.MAX_VALUE;
        for (String queue : broker.topology().queues(type)) {
            least = Math.min(least, broker.consumers(queue));
        }
        return least;
    }

    private JobType type(String subject) {
        List<JobType> named = Arrays.stream(JobType.values())
                .filter(type -> type.key().equals(subject) && types.contains(type))
                .toList();
        if (named.isEmpty()) {
            throw new IllegalArgumentException("This node consumes no jobs of type " + subject);
        }
        return named.getFirst();
    }
}
