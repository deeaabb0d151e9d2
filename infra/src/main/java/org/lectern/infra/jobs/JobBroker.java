package org.lectern.infra.jobs;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.order.Ready;
import org.springframework.amqp.AmqpException;
import org.springframework.amqp.core.AcknowledgeMode;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.ConnectionFactory;
import org.springframework.amqp.rabbit.listener.DirectMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.api.ChannelAwareMessageListener;
import org.springframework.core.task.VirtualThreadTaskExecutor;
import tools.jackson.databind.json.JsonMapper;

/**
 * The engine's side of RabbitMQ: publishes with confirms and returns, on a connection apart from the consumers' (so that
 * a broker that holds publishers back does not hold acknowledgements back), and makes consumers.
 *
 * <p>Thread-safe; calls block and belong on virtual threads. Every new publishing channel declares the topology and opens
 * a new {@link #session()}: what was published in an earlier one may be lost.
 */
final class JobBroker implements AutoCloseable {

    private static final Duration CONFIRM_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration RETRY_INTERVAL = Duration.ofSeconds(1);

    /**
     * More than all lanes of a node keep waiting at a time, so that messages of a full lane never use up what the broker
     * sends ahead to the others.
     */
    private static final int SENT_AHEAD = 2 * Ready.MOST;

    private final CachingConnectionFactory factory;
    private final JsonMapper json;
    private final JobTopology topology;
    private final ReentrantLock lock = new ReentrantLock();
    private final Set<UUID> returned = ConcurrentHashMap.newKeySet();
    private @Nullable Channel channel;
    private final AtomicLong session = new AtomicLong();
    private volatile @Nullable String trouble = "not connected yet";

    JobBroker(CachingConnectionFactory factory, JsonMapper json, JobTopology topology) {
        this.factory = factory;
        this.json = json;
        this.topology = topology;
    }

    /**
     * A message on its way.
     *
     * @param queue the queue's name
     * @param ticket what it says
     */
    record Outgoing(String queue, JobTicket ticket) {}

    /** The broker cannot be used now; it is tried again later. */
    static final class UnreachableException extends Exception {
        private static final long serialVersionUID = 1L;

        UnreachableException(Exception cause) {
            super(cause);
        }
    }

    /** Connects if there is no connection; counts up with each new one. */
    long connect() throws UnreachableException {
        lock.lock();
        try {
            open();
            return session.get();
        } finally {
            lock.unlock();
        }
    }

    /** The number of the present session; 0 before the first. */
    long session() {
        return session.get();
    }

    /** Why the broker cannot be used; null when it can. */
    @Nullable
    String trouble() {
        return trouble;
    }

    /**
     * Publishes persistent messages and waits until the broker has all of them safe.
     *
     * @return the jobs whose message found no queue
     * @throws UnreachableException when some may not have arrived: all of them count as not sent
     */
    Set<UUID> publish(Collection<Outgoing> messages) throws UnreachableException {
        lock.lock();
        try {
            Channel open = open();
            returned.clear();
            for (Outgoing message : messages) {
                JobTicket ticket = message.ticket();
                AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
                        .contentType("application/json")
                        .deliveryMode(2)
                        .priority(ticket.priority())
                        .messageId(ticket.id().toString())
                        .build();
                open.basicPublish(
                        JobTopology.EXCHANGE, message.queue(), true, properties, json.writeValueAsBytes(ticket));
            }
            open.waitForConfirmsOrDie(CONFIRM_TIMEOUT.toMillis());
            return new HashSet<>(returned);
        } catch (IOException | TimeoutException | RuntimeException problem) {
            throw broken(problem);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw broken(interrupted);
        } finally {
            lock.unlock();
        }
    }

    /** What is where on the broker. */
    JobTopology topology() {
        return topology;
    }

    /** Consumers of a queue, of all nodes, as the broker counts them. */
    int consumers(String queue) throws UnreachableException {
        lock.lock();
        try {
            return (int) open().consumerCount(queue);
        } catch (IOException | RuntimeException problem) {
            throw broken(problem);
        } finally {
            lock.unlock();
        }
    }

    /** Messages ready in a queue. */
    long depth(String queue) throws UnreachableException {
        lock.lock();
        try {
            return open().messageCount(queue);
        } catch (IOException | RuntimeException problem) {
            throw broken(problem);
        } finally {
            lock.unlock();
        }
    }

    /** A consumer of these queues, not started; it mends itself when the broker comes back. */
    DirectMessageListenerContainer consumer(List<String> queues, ChannelAwareMessageListener listener) {
        var container = new DirectMessageListenerContainer(factory);
        container.setQueueNames(queues.toArray(String[]::new));
        container.setAcknowledgeMode(AcknowledgeMode.MANUAL);
        container.setPrefetchCount(SENT_AHEAD);
        container.setConsumersPerQueue(1);
        container.setMissingQueuesFatal(false);
        container.setDefaultRequeueRejected(false);
        container.setRecoveryInterval(RETRY_INTERVAL.toMillis());
        container.setFailedDeclarationRetryInterval(RETRY_INTERVAL.toMillis());
        container.setMonitorInterval(RETRY_INTERVAL.toMillis());
        container.setTaskExecutor(new VirtualThreadTaskExecutor("jobs-consumer-"));
        container.setMessageListener(listener);
        container.afterPropertiesSet();
        return container;
    }

    private Channel open() throws UnreachableException {
        Channel present = channel;
        if (present != null && present.isOpen()) {
            return present;
        }
        try {
            ConnectionFactory publishing = factory.getPublisherConnectionFactory();
            Connection connection = (publishing == null ? factory : publishing)
                    .createConnection()
                    .getDelegate();
            if (connection == null) {
                throw new IOException("The connection has been closed");
            }
            Channel opened = connection.createChannel();
            if (opened == null) {
                throw new IOException("The broker grants no more channels");
            }
            topology.declare(opened);
            opened.confirmSelect();
            opened.addReturnListener(message ->
                    returned.add(UUID.fromString(message.getProperties().getMessageId())));
            channel = opened;
            session.incrementAndGet();
            trouble = null;
            return opened;
        } catch (IOException | AmqpException | com.rabbitmq.client.ShutdownSignalException problem) {
            throw broken(problem);
        }
    }

    private UnreachableException broken(Exception problem) {
        Channel failed = channel;
        channel = null;
        trouble = problem.toString();
        if (failed != null) {
            abort(failed);
        }
        return new UnreachableException(problem);
    }

    private static void abort(Channel channel) {
        try {
            channel.abort();
        } catch (IOException | RuntimeException gone) {
            // It was closed already.
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            Channel open = channel;
            channel = null;
            if (open != null) {
                abort(open);
            }
        } finally {
            lock.unlock();
        }
    }
}
