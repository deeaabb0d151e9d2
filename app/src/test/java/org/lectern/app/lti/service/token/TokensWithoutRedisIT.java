package org.lectern.app.lti.service.token;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.fixture.PlatformFixture;
import org.lectern.app.lti.keys.Sealing;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.app.lti.service.http.ServiceHttp;
import org.lectern.infra.embedded.RedisServer;
import org.lectern.infra.redis.RedisConfiguration;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.redis.RedisSettings;
import org.redisson.api.RedissonClient;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import tools.jackson.databind.json.JsonMapper;

/** Tokens of two nodes when the Redis between them dies: each fetches its own, once, and keeps it. */
class TokensWithoutRedisIT extends OperatedNode {

    private static final Set<String> SCOPES = Set.of("urn:test:scope");

    @TempDir
    private static Path directory;

    @Autowired
    private ServiceHttp http;

    @Autowired
    private ToolKeys keys;

    @Autowired
    private ServiceProperties settings;

    @Autowired
    private Sealing sealing;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private Clock clock;

    @Autowired
    private MeterRegistry meters;

    @Test
    void eachNodeFetchesOneTokenAndKeepsItThoughRedisIsDead() throws Exception {
        RedisServer redis = RedisServer.in(directory);
        redis.start();
        try (var platform = new PlatformFixture("client-dead-redis")) {
            platform.toolAt(origin());
            RedisSettings where = RedisSettings.of(redis.uri());
            RedissonClient redisson = RedisConfiguration.open(where);
            RedisLink link = new RedisLink(redisson, where);
            link.start();
            try {
                assertThat(link.up()).isTrue();
                Registration shared = registration(platform);
                List<ServiceTokens> nodes = List.of(node(redisson, link), node(redisson, link));
                // One for both, or two where this machine is too busy for Redis to answer in time.
                assertThat(values(nodes, shared)).hasSizeBetween(1, 2);
                int before = platform.tokens.get();

                // The link believes in Redis until it looks again, so commands are sent into the void first.
                link.stop();
                redis.kill();
                assertThat(link.up()).isTrue();
                Registration unnoticed = registration(platform);
                assertThat(values(nodes, unnoticed)).hasSize(2);
                assertThat(values(nodes, unnoticed)).as("kept").hasSize(2);
                assertThat(platform.tokens).as("one for each node").hasValue(before + 2);

                RedisLink down = new RedisLink(redisson, where);
                nodes = List.of(node(redisson, down), node(redisson, down));
                Registration noticed = registration(platform);
                assertThat(values(nodes, noticed)).hasSize(2);
                assertThat(values(nodes, noticed)).as("kept").hasSize(2);
                assertThat(platform.tokens).hasValue(before + 4);

                AccessToken refused = Objects.requireNonNull(
                        nodes.getFirst().token(noticed, SCOPES).block(Duration.ofSeconds(10)));
                AccessToken renewed = Objects.requireNonNull(
                        nodes.getFirst().renewed(noticed, SCOPES, refused).block(Duration.ofSeconds(10)));
                assertThat(renewed.value()).isNotEqualTo(refused.value());
            } finally {
                link.stop();
                redisson.shutdown();
            }
        } finally {
            redis.close();
        }
    }

    /** A token of the old endpoint is nothing for the new one. */
    @Test
    void aTokenEndpointThatChangedIsAskedForATokenOfItsOwn() {
        try (var before = new PlatformFixture("client-moved");
                var after = new PlatformFixture("client-moved")) {
            before.toolAt(origin());
            after.toolAt(origin());
            RedissonClient redisson = RedisConfiguration.open(RedisSettings.of("redis://127.0.0.1:1"));
            try {
                ServiceTokens node = node(redisson, new RedisLink(redisson, RedisSettings.of("redis://127.0.0.1:1")));
                Registration registration = registration(before);
                node.token(registration, SCOPES).block(Duration.ofSeconds(10));
                node.token(moved(registration, after), SCOPES).block(Duration.ofSeconds(10));
                node.token(moved(registration, after), SCOPES).block(Duration.ofSeconds(10));
                assertThat(before.tokens).hasValue(1);
                assertThat(after.tokens).hasValue(1);
            } finally {
                redisson.shutdown();
            }
        }
    }

    /** The different tokens that forty callers on two nodes get. */
    private static Set<String> values(List<ServiceTokens> nodes, Registration registration) {
        return Set.copyOf(Objects.requireNonNull(Flux.range(0, 40)
                .flatMap(i -> nodes.get(i % 2).token(registration, SCOPES), 40)
                .map(AccessToken::value)
                .collectList()
                .block(Duration.ofSeconds(20))));
    }

    private ServiceTokens node(RedissonClient redisson, RedisLink link) {
        return new ServiceTokens(
                http,
                keys,
                new SharedTokens(redisson, link, sealing, clock),
                settings,
                JsonMapper.shared(),
                ids,
                clock,
                meters);
    }

    private static Registration registration(PlatformFixture platform) {
        return registration(UUID.randomUUID(), platform);
    }

    private static Registration moved(Registration registration, PlatformFixture platform) {
        return registration(registration.id(), platform);
    }

    private static Registration registration(UUID id, PlatformFixture platform) {
        return new Registration(
                id,
                platform.issuer(),
                platform.clientId(),
                "Platform",
                URI.create(platform.issuer() + "/authorize"),
                URI.create(platform.issuer() + "/token"),
                null,
                URI.create(platform.issuer() + "/keys"),
                true,
                Approval.APPROVED,
                false,
                false,
                false,
                false);
    }
}
