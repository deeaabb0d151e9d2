package org.lectern.chat.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.channel.DefaultEventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.Person;

class LaneTest {

    private static final long LIMIT_BYTES = 1_000;

    private final Counting loop = new Counting();
    private final Lane lane = new Lane(loop, LIMIT_BYTES / 4);
    private final List<Attendee> attendees = new ArrayList<>();

    @AfterEach
    void stop() {
        var unused = loop.shutdownGracefully();
    }

    @Test
    void aMessageIsATaskForEachStretchOfSocketsAndNotForEachSocket() throws Exception {
        List<Recorder> sockets = people(1_000);
        loop.tasks.set(0);
        lane.offer(entries(1, 1));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets)
                        .allSatisfy(each -> assertThat(each.asked).containsExactly("1", "flush")));
        assertThat(loop.tasks).hasValue(4);
    }

    @Test
    void whatComesOnTheWayIsOnBoardAtOnceAndReachesTheFirstInTheNextLap() throws Exception {
        List<Recorder> sockets = people(1_000);
        sockets.get(100).whenAsked(() -> lane.offer(entries(2, 2)));
        lane.offer(entries(1, 1));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets)
                        .allSatisfy(
                                each -> assertThat(String.join("", each.asked).replace("flush", ""))
                                        .isEqualTo("12")));
        assertThat(sockets.subList(0, 256))
                .allSatisfy(each -> assertThat(each.asked).containsExactly("1", "flush", "2", "flush"));
        assertThat(sockets.subList(256, 1_000))
                .as("one write for both")
                .allSatisfy(each -> assertThat(each.asked).containsExactly("12", "flush"));
    }

    @Test
    void aSocketThatFailsKeepsNothingFromTheOthers() throws Exception {
        List<Recorder> sockets = people(600);
        sockets.get(300).whenAsked(() -> {
            throw new IllegalStateException("as planned");
        });
        lane.offer(entries(1, 1));
        lane.offer(entries(2, 2));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets)
                        .allSatisfy(
                                each -> assertThat(String.join("", each.asked)).startsWith("1")));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets.getLast().asked).last().isEqualTo("flush"));
        lane.offer(entries(3, 3));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets.stream()
                                .filter(each -> String.join("", each.asked).contains("3"))
                                .count())
                        .as("all, or all but the one that failed and is sent away to resume")
                        .isGreaterThanOrEqualTo(599));
    }

    @Test
    void whoLeavesOnTheWayTakesNothingFromTheOthers() throws Exception {
        List<Recorder> sockets = people(1_000);
        // Leaves while the first stretch is walked; the last one takes the place, which was walked already.
        sockets.get(100).whenAsked(() -> loop.execute(() -> lane.remove(attendees.get(3))));
        lane.offer(entries(1, 1));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets)
                        .allSatisfy(each -> assertThat(each.asked).containsExactly("1", "flush")));
        lane.offer(entries(2, 2));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets.getLast().asked).containsExactly("1", "flush", "2", "flush"));
        assertThat(sockets.get(3).asked).containsExactly("1", "flush");
    }

    @Test
    void whatIsDueTogetherIsOneWriteAndOneFlushForEachSocket() throws Exception {
        List<Recorder> sockets = people(100);
        loop.tasks.set(0);
        lane.offer(entries(1, 9));
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(sockets)
                        .allSatisfy(each -> assertThat(each.asked).containsExactly("123456789", "flush")));
        assertThat(loop.tasks).hasValue(1);
    }

    /** So many connections that are live from number 1 on. */
    private List<Recorder> people(int count) throws Exception {
        Post post = new Post(loop);
        List<Recorder> outlets = new ArrayList<>();
        loop.submit(() -> {
                    for (int i = 0; i < count; i++) {
                        Recorder outlet = new Recorder(loop);
                        Attendee attendee =
                                new Attendee(new Person(new UUID(0, i), "Ada"), false, 0, outlet, post, LIMIT_BYTES);
                        assertThat(attendee.live(null)).isTrue();
                        lane.add(attendee);
                        attendees.add(attendee);
                        outlet.asked.clear();
                        outlets.add(outlet);
                    }
                })
                .get(10, TimeUnit.SECONDS);
        return outlets;
    }

    private static List<Frame> entries(long first, long last) {
        return LongStream.rangeClosed(first, last)
                .mapToObj(seq -> Frame.of(seq, Long.toString(seq).getBytes(StandardCharsets.UTF_8)))
                .toList();
    }

    /** Counts what is handed to it, now and for later. */
    private static final class Counting extends DefaultEventLoop {

        private final AtomicInteger tasks = new AtomicInteger();

        @Override
        public void execute(Runnable task) {
            tasks.incrementAndGet();
            super.execute(task);
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
            tasks.incrementAndGet();
            return super.schedule(task, delay, unit);
        }
    }
}
