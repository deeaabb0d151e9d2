package org.lectern.infra.jobs;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.amqp.rabbit.listener.DirectMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.api.ChannelAwareMessageListener;

/**
 * How many consumers this node has on each queue of its types: as many as the backlog asks for, never fewer than the
 * control plane's floor. They mend themselves when the broker comes back. Thread-safe.
 */
final class QueueConsumers {

    private final JobBroker broker;
    private final Map<JobType, DirectMessageListenerContainer> containers = new ConcurrentHashMap<>();
    private final Map<JobType, Integer> wanted = new ConcurrentHashMap<>();
    private final Map<JobType, Integer> floors = new ConcurrentHashMap<>();

    QueueConsumers(JobBroker broker) {
        this.broker = broker;
    }

    /** Begins to consume the queues of a type; nothing when this node does already. */
    void start(JobType type, ChannelAwareMessageListener listener) {
        if (containers.containsKey(type)) {
            return;
        }
        DirectMessageListenerContainer container =
                broker.consumer(broker.topology().queues(type), listener);
        container.setConsumersPerQueue(perQueue(type));
        containers.put(type, container);
        container.start();
    }

    /** Takes no more messages. */
    void stop() {
        containers.values().forEach(DirectMessageListenerContainer::stop);
    }

    /** How many consumers this node is to have on each queue of the type. */
    int perQueue(JobType type) {
        return wanted.getOrDefault(type, 1);
    }

    /** The consumers per queue below which this node does not go; more than 1 by the control plane's wish. */
    int floor(JobType type) {
        return floors.getOrDefault(type, 1);
    }

    /** Sets the floor, and goes there. */
    void floor(JobType type, int perQueue) {
        floors.put(type, perQueue);
        consume(type, perQueue);
    }

    /** With each consumer of the floor comes a set of the lanes' configured workers, except where FFmpeg needs the cores. */
    int sets() {
        return floors.values().stream().mapToInt(count -> count).max().orElse(1);
    }

    /** Changes how many consumers this node has on each queue of the type, also while they consume. */
    void consume(JobType type, int perQueue) {
        wanted.put(type, perQueue);
        DirectMessageListenerContainer container = containers.get(type);
        if (container != null) {
            container.setConsumersPerQueue(perQueue);
        }
    }
}
