package org.lectern.infra.jobs;

import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * All that the job engine has on the broker; declared on every new connection, so that an empty broker is made usable
 * again by whoever comes first.
 *
 * <pre>
 * lectern.jobs (direct) --name of the queue--> lectern.jobs.video.{0,1,2}
 *                                              lectern.jobs.analytics.{0,1}
 *                                              lectern.jobs.notifications.0
 *        each of them, what is rejected --> lectern.jobs.parking (fanout) --> lectern.jobs.parked
 * </pre>
 *
 * <p>Only arguments that RabbitMQ 3.10 and 4.x both take:
 *
 * <ul>
 *   <li>classic: {@code x-max-priority}, so that among messages on the broker the urgent ones come first;
 *   <li>quorum: no priorities (3.x refuses them). The order is the same all the same, because only a small window is
 *       published and the workers take what they hold by urgency. The names of these queues end in {@code .quorum}: the
 *       type of a queue that exists cannot be changed, and what is left in queues of the other type is sent again from
 *       the job table.
 * </ul>
 *
 * <p>Nothing here must outlive the broker: the job table does.
 *
 * @param queueType of all queues
 */
record JobTopology(QueueType queueType) {

    /** Where jobs are published, with the queue's name as the routing key. */
    static final String EXCHANGE = "lectern.jobs";

    /** Takes what cannot be understood. */
    static final String PARKING_EXCHANGE = "lectern.jobs.parking";

    /** The highest priority of a message. */
    static final int MAX_PRIORITY = 10;

    private static final int PARKED_LIMIT = 10_000;

    /** How the broker keeps messages. */
    enum QueueType {
        /** On one node, with priorities. */
        CLASSIC,
        /** Replicated by Raft over the cluster's nodes. */
        QUORUM
    }

    /** The queues of a type of jobs, in order. */
    List<String> queues(JobType type) {
        return IntStream.range(0, type.queues())
                .mapToObj(number -> named("lectern.jobs." + type.key() + "." + number))
                .toList();
    }

    /** Holds what could not be read for an operator to look at; the oldest are dropped past a limit. */
    String parked() {
        return named("lectern.jobs.parked");
    }

    private String named(String name) {
        return switch (queueType) {
            case CLASSIC -> name;
            case QUORUM -> name + ".quorum";
        };
    }

    /** Declares everything; harmless when it is there. */
    void declare(Channel channel) throws IOException {
        channel.exchangeDeclare(PARKING_EXCHANGE, BuiltinExchangeType.FANOUT, true);
        queue(channel, parked(), Map.of("x-max-length", PARKED_LIMIT, "x-overflow", "drop-head"));
        channel.queueBind(parked(), PARKING_EXCHANGE, "");
        channel.exchangeDeclare(EXCHANGE, BuiltinExchangeType.DIRECT, true);
        Map<String, Object> arguments = new HashMap<>();
        arguments.put("x-dead-letter-exchange", PARKING_EXCHANGE);
        if (queueType == QueueType.CLASSIC) {
            arguments.put("x-max-priority", MAX_PRIORITY);
        }
        for (String queue : Arrays.stream(JobType.values())
                .flatMap(type -> queues(type).stream())
                .toList()) {
            queue(channel, queue, arguments);
            channel.queueBind(queue, EXCHANGE, queue);
        }
    }

    private void queue(Channel channel, String name, Map<String, Object> further) throws IOException {
        Map<String, Object> arguments = new HashMap<>(further);
        arguments.put(
                "x-queue-type",
                switch (queueType) {
                    case CLASSIC -> "classic";
                    case QUORUM -> "quorum";
                });
        channel.queueDeclare(name, true, false, false, arguments);
    }
}
