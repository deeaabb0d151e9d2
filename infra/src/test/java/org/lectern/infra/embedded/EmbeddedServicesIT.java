package org.lectern.infra.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.FreePort;

/** The three private servers start together, stop without a trace, and survive what fault tests do to them. */
class EmbeddedServicesIT {

    @TempDir
    Path directory;

    @Test
    void startsAllOfThemAlsoInAFolderWithSpacesAndLeavesNoProcess() throws Exception {
        EmbeddedServices services =
                EmbeddedServices.start(EmbeddedServices.Settings.in(directory.resolve("course data (1)")));
        assertThat(services.properties())
                .containsKeys(
                        "lectern.db.servers[0].name",
                        "lectern.db.servers[0].primary",
                        "lectern.db.servers[0].replicas[0].address",
                        "lectern.db.username",
                        "lectern.db.password",
                        "lectern.redis.address",
                        "spring.rabbitmq.host",
                        "spring.rabbitmq.port",
                        "spring.rabbitmq.username",
                        "spring.rabbitmq.password");
        assertThat(processes()).isNotEmpty();
        services.close();
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(processes()).isEmpty());
    }

    @Test
    void confirmedMessageSurvivesAKilledBrokerAndTheUserIsNotGuest() throws Exception {
        try (EmbeddedServices services =
                EmbeddedServices.start(EmbeddedServices.Settings.in(directory).only(EmbeddedService.RABBITMQ))) {
            RabbitServer rabbit = services.rabbit().orElseThrow();
            try (Connection connection = connect(rabbit, rabbit.password());
                    var channel = connection.createChannel()) {
                channel.queueDeclare("work", true, false, false, null);
                channel.confirmSelect();
                channel.basicPublish(
                        "", "work", MessageProperties.PERSISTENT_BASIC, "job".getBytes(StandardCharsets.UTF_8));
                channel.waitForConfirmsOrDie(5_000);
                rabbit.kill();
            } catch (com.rabbitmq.client.AlreadyClosedException gone) {
                assertThat(rabbit.isRunning()).isFalse();
            }
            assertThat(rabbit.isRunning()).isFalse();
            rabbit.start();
            try (Connection connection = connect(rabbit, rabbit.password());
                    var channel = connection.createChannel()) {
                GetResponse message = channel.basicGet("work", true);
                assertThat(message.getBody()).asString(StandardCharsets.UTF_8).isEqualTo("job");
            }
            assertThatThrownBy(() -> connect(rabbit, "guest")).isInstanceOf(IOException.class);
        }
    }

    @Test
    void redisOfTheMachineAndRedisOfTheClassPathBothServe() throws Exception {
        for (Path binary : List.of(
                RedisServer.locate(BinaryCache.ofUser()),
                RedisServer.bundled(new BinaryCache(directory.resolve("cache"))))) {
            try (RedisServer redis = new RedisServer(directory, binary)) {
                redis.start();
                int port = redis.port();
                assertThat(command(redis, "SET greeting hello")).isEqualTo("+OK");
                redis.kill();
                assertThat(FreePort.isFree(port)).isTrue();
                redis.start();
                assertThat(redis.port()).isEqualTo(port);
                assertThat(command(redis, "EXISTS greeting"))
                        .as("nothing is kept")
                        .isEqualTo(":0");
            }
        }
    }

    private List<ProcessHandle> processes() {
        return ProcessHandle.allProcesses()
                .filter(process -> process.info()
                        .commandLine()
                        .filter(line -> line.contains(directory.toString()))
                        .isPresent())
                .toList();
    }

    private static Connection connect(RabbitServer rabbit, String password) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost("127.0.0.1");
        factory.setPort(rabbit.port());
        factory.setUsername(RabbitServer.USERNAME);
        factory.setPassword(password);
        factory.setAutomaticRecoveryEnabled(false);
        return factory.newConnection();
    }

    private static String command(RedisServer redis, String command) throws IOException {
        try (Socket socket = new Socket()) {
            socket.setSoTimeout(2000);
            socket.connect(FreePort.loopback(redis.port()), 2000);
            socket.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.US_ASCII));
            byte[] buffer = new byte[64];
            int read = socket.getInputStream().read(buffer);
            return new String(buffer, 0, read, StandardCharsets.US_ASCII).strip();
        }
    }
}
