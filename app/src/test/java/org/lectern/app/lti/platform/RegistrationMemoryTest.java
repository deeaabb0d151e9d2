package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.lectern.infra.cache.Cache;
import org.lectern.infra.cache.CacheFamily;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** What is warmed is what logins asked for, by whatever names platforms have. */
class RegistrationMemoryTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Notes the keys that are asked for, and remembers nothing. */
    private static final class Noting implements Cache {
        private final List<String> keys = new ArrayList<>();
        private Function<String, ? extends Mono<?>> warm = key -> Mono.empty();

        @Override
        public <T> Mono<T> get(CacheFamily<T> family, String key, Mono<T> loader) {
            keys.add(key);
            return loader;
        }

        @Override
        public Mono<Void> invalidate(String pattern) {
            return Mono.empty();
        }

        @Override
        public <T> void warm(CacheFamily<T> family, Function<String, Mono<T>> loader) {
            warm = loader;
        }
    }

    @Test
    void theKeyOfALoginLeadsBackToWhatItAskedFor() {
        Noting cache = new Noting();
        RegistrationMemory memory = new RegistrationMemory(cache);
        List<String> loaded = new ArrayList<>();
        memory.warm((issuer, client) -> {
            loaded.add(issuer + "|" + client);
            return Mono.just(List.of());
        });
        for (@Nullable String client : new @Nullable String[] {null, "client", "a client * of %20 + signs", ""}) {
            memory.get("https://lms.example/a b*c", client, Mono.just(List.of()))
                    .block(PATIENCE);
        }
        for (String key : cache.keys) {
            // There is none: an error, since that must not be kept.
            StepVerifier.create(cache.warm.apply(key)).expectError().verify(PATIENCE);
        }
        assertThat(loaded)
                .containsExactly(
                        "https://lms.example/a b*c|null",
                        "https://lms.example/a b*c|client",
                        "https://lms.example/a b*c|a client * of %20 + signs",
                        "https://lms.example/a b*c|");
    }
}
