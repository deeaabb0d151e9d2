package org.lectern.video.orders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.orders.VideoJobs.TidyOrder;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.util.JdkIdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

class VideoJobsTest {

    private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final JsonMapper JSON = new JsonMapper();

    private final UUID content = new UUID(7, 7);
    private final ShardTransaction transaction =
            new ShardTransaction(new ContextId(new UUID(1, 1)), 0, mock(DatabaseClient.class), Runnable::run);
    private final Jobs jobs = mock(Jobs.class);
    private final List<JobRequest> asked = new ArrayList<>();
    private final VideoJobs orders = new VideoJobs(
            jobs, new JdkIdGenerator(), mock(RegionalStorage.class), JSON, Clock.fixed(NOW, ZoneOffset.UTC));

    @BeforeEach
    void note() {
        when(jobs.submit(any(ShardTransaction.class), any())).thenAnswer(call -> {
            asked.add(call.getArgument(1));
            return Mono.empty();
        });
    }

    @Test
    void ofTwoLooksOnlyTheLastIsPutOff() {
        orders.tidy(transaction, content).block(PATIENCE);
        assertThat(asked).hasSize(2);
        TidyOrder first = order(asked.get(0));
        TidyOrder last = order(asked.get(1));
        assertThat(asked.get(0).runAt()).isNull();
        assertThat(asked.get(1).runAt()).isEqualTo(NOW.plus(Duration.ofMinutes(15)));

        assertThat(putOff(first)).isNull();
        assertThat(Objects.requireNonNull(putOff(last)).runAt()).isEqualTo(NOW.plus(Duration.ofMinutes(30)));
    }

    @Test
    void aLookThatAnOlderNodeAskedForIsPutOff() {
        TidyOrder older = JSON.readValue("{\"content\":\"" + content + "\"}", TidyOrder.class);
        JobRequest later = Objects.requireNonNull(putOff(older));
        assertThat(order(later)).isEqualTo(new TidyOrder(content, 1));
    }

    @Test
    void isPutOffForAMonthAndNoLonger() {
        TidyOrder order = new TidyOrder(content, 0);
        Duration waited = Duration.ofMinutes(15);
        for (@Nullable JobRequest next = putOff(order); next != null; next = putOff(order)) {
            Duration wait = Duration.between(NOW, Objects.requireNonNull(next.runAt()));
            assertThat(wait).isLessThanOrEqualTo(Duration.ofHours(32));
            waited = waited.plus(wait);
            assertThat(waited).isLessThan(Duration.ofDays(32));
            order = order(next);
        }
        assertThat(waited).isGreaterThan(Duration.ofDays(28));
    }

    /** What is asked for next where the content is still worked on; null where nothing is. */
    private @Nullable JobRequest putOff(TidyOrder order) {
        asked.clear();
        orders.tidyAgain(transaction, order).block(PATIENCE);
        return asked.isEmpty() ? null : asked.getFirst();
    }

    private TidyOrder order(JobRequest request) {
        assertThat(request.kind()).isEqualTo(VideoJobs.TIDY);
        return JSON.treeToValue(request.payload(), TidyOrder.class);
    }
}
