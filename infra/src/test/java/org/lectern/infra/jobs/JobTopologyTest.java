package org.lectern.infra.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What is asked of the broker is what RabbitMQ 3.10 and 4.x both grant. Only what is declared is looked at, not what
 * consumers ask for (their acknowledgements, prefetch and arguments).
 */
class JobTopologyTest {

    /**
     * By type of queue, the arguments that both know and do not refuse. Left out on purpose: {@code x-max-priority} of
     * quorum queues (3.x refuses it), {@code x-queue-mode} and {@code x-queue-version} (4.x ignores them), the
     * {@code ha-} policies of mirrored queues (4.x has none), {@code x-message-ttl} (delays come from the job table).
     */
    private static final Map<JobTopology.QueueType, Set<String>> GRANTED = Map.of(
            JobTopology.QueueType.CLASSIC,
            Set.of("x-queue-type", "x-max-priority", "x-dead-letter-exchange", "x-max-length", "x-overflow"),
            JobTopology.QueueType.QUORUM,
            Set.of("x-queue-type", "x-dead-letter-exchange", "x-max-length", "x-overflow"));

    private record Call(String method, List<Object> arguments) {}

    private final List<Call> calls = new ArrayList<>();

    private Channel recording() {
        return (Channel) Proxy.newProxyInstance(
                Channel.class.getClassLoader(), new Class<?>[] {Channel.class}, (self, method, arguments) -> {
                    calls.add(new Call(method.getName(), Arrays.asList(arguments)));
                    return null;
                });
    }

    private static List<String> names(Map<?, ?> arguments) {
        return arguments.keySet().stream().map(String::valueOf).toList();
    }

    @ParameterizedTest
    @EnumSource(JobTopology.QueueType.class)
    void onlyWhatBothVersionsGrantIsDeclared(JobTopology.QueueType type) throws Exception {
        new JobTopology(type).declare(recording());
        assertThat(calls).extracting(Call::method).containsOnly("exchangeDeclare", "queueDeclare", "queueBind");
        for (Call call : calls) {
            switch (call.method()) {
                case "exchangeDeclare" -> {
                    assertThat(call.arguments().get(1)).isIn(BuiltinExchangeType.DIRECT, BuiltinExchangeType.FANOUT);
                    assertThat(call.arguments().get(2)).as("durable").isEqualTo(true);
                    assertThat(call.arguments()).as("and nothing else").hasSize(3);
                }
                case "queueDeclare" -> {
                    assertThat(call.arguments().subList(1, 4))
                            .as("durable, not exclusive, not deleted by itself: 4.x deprecates what is transient")
                            .containsExactly(true, false, false);
                    Map<?, ?> declared = (Map<?, ?>) call.arguments().get(4);
                    assertThat(GRANTED.get(type)).containsAll(names(declared));
                    assertThat(declared.get("x-queue-type"))
                            .isEqualTo(type.name().toLowerCase(java.util.Locale.ROOT));
                    if (declared.containsKey("x-max-priority")) {
                        assertThat((Integer) declared.get("x-max-priority")).isBetween(1, 255);
                    }
                    if (declared.containsKey("x-overflow")) {
                        assertThat(declared.get("x-overflow")).isIn("drop-head", "reject-publish");
                    }
                }
                default ->
                    assertThat(call.arguments())
                            .as("a binding without arguments")
                            .hasSize(3);
            }
        }
    }
}
