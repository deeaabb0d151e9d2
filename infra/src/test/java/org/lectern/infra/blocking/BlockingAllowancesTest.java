package org.lectern.infra.blocking;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import reactor.blockhound.BlockingOperationError;
import reactor.blockhound.integration.BlockHoundIntegration;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** BlockHound is installed in our tests, bites, and knows our allowances. */
class BlockingAllowancesTest {

    @Test
    void aBlockingCallOnAnEventLoopIsAnError() {
        StepVerifier.create(Mono.fromCallable(() -> {
                            Thread.sleep(1);
                            return "slept";
                        })
                        .subscribeOn(Schedulers.parallel()))
                .expectError(BlockingOperationError.class)
                .verify(Duration.ofSeconds(10));
    }

    @Test
    void theSameCallMayBeMadeOnThreadsForIt() {
        StepVerifier.create(Mono.fromCallable(() -> {
                            Thread.sleep(1);
                            return "slept";
                        })
                        .subscribeOn(Schedulers.boundedElastic()))
                .expectNext("slept")
                .expectComplete()
                .verify(Duration.ofSeconds(10));
    }

    @Test
    void whatIsAllowedPasses() {
        StepVerifier.create(Mono.fromCallable(() -> {
                            LoggerFactory.getLogger("test.blocking").info("a line of log");
                            new SecureRandom().nextBytes(new byte[16]);
                            return Class.forName("java.util.zip.Adler32").getSimpleName();
                        })
                        .subscribeOn(Schedulers.parallel()))
                .expectNext("Adler32")
                .expectComplete()
                .verify(Duration.ofSeconds(10));
    }

    @Test
    void theListIsFoundByTheServiceLoader() {
        assertThat(ServiceLoader.load(BlockHoundIntegration.class))
                .hasAtLeastOneElementOfType(BlockingAllowances.class);
    }
}
