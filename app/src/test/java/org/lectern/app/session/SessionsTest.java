package org.lectern.app.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.session.LaunchSession;
import org.reactivestreams.Publisher;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

class SessionsTest {

    /** Answers each read when the test says so. */
    private static final class SlowDirectory implements Directory {

        private final List<Sinks.One<Object>> reads = new ArrayList<>();

        @Override
        @SuppressWarnings("unchecked") // the test knows what is asked for
        public <T> Mono<T> write(Function<DatabaseClient, Mono<T>> work) {
            return (Mono<T>) Mono.just(1L);
        }

        @Override
        public <T> Mono<T> writeOne(Function<DatabaseClient, Mono<T>> statement) {
            return write(statement);
        }

        @Override
        @SuppressWarnings("unchecked") // the test knows what is asked for
        public <T> Flux<T> read(Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
            Sinks.One<Object> answer = Sinks.one();
            reads.add(answer);
            return (Flux<T>) answer.asMono().flux();
        }
    }

    @Test
    void anAnswerThatWasUnderWayWhenTheSessionEndedIsNotRemembered() {
        SlowDirectory directory = new SlowDirectory();
        Sessions sessions = new Sessions(
                directory,
                new Secrets(new SecureRandom()),
                UUID::randomUUID,
                Clock.systemUTC(),
                new SessionProperties(Duration.ofHours(8), Duration.ofMinutes(1), Duration.ofMinutes(1), 10),
                new SimpleMeterRegistry());
        LaunchSession session = new LaunchSession(
                UUID.randomUUID(),
                UUID.randomUUID(),
                null,
                new ContextId(UUID.randomUUID()),
                null,
                Set.of(),
                false,
                Instant.MAX);
        String token = Sessions.TOKEN_PREFIX + "x".repeat(Secrets.LENGTH);

        var asked = sessions.find(token).toFuture();
        sessions.end(session).block(Duration.ofSeconds(10));
        directory.reads.getFirst().tryEmitValue(session);
        assertThat(asked).isCompletedWithValue(session);

        var again = sessions.find(token).toFuture();
        assertThat(directory.reads).hasSize(2);
        directory.reads.getLast().tryEmitValue(session);
        assertThat(again).isCompletedWithValue(session);
        assertThat(sessions.find(token).block(Duration.ofSeconds(10))).isEqualTo(session);
        assertThat(directory.reads)
                .as("remembered, since nothing ended meanwhile")
                .hasSize(2);
    }
}
