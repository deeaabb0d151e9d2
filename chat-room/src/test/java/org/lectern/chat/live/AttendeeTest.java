package org.lectern.chat.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.DefaultEventLoop;
import io.netty.channel.EventLoop;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.Person;

/** What is shed when a client reads more slowly than its room speaks, and when it is let go. */
class AttendeeTest {

    private static final long LIMIT_BYTES = 1_000;

    private final EventLoop loop = new DefaultEventLoop();
    private final Recorder outlet = new Recorder(loop);
    private final Attendee ada =
            new Attendee(new Person(new UUID(0, 1), "Ada"), false, 0, outlet, new Post(Runnable::run), LIMIT_BYTES);

    AttendeeTest() {
        ada.welcome(Frame.of(0, "w".getBytes(StandardCharsets.UTF_8)), 0);
        assertThat(ada.live(null)).isTrue();
        outlet.asked.clear();
    }

    @AfterEach
    void stop() {
        var unused = loop.shutdownGracefully();
    }

    @Test
    void upToHalfOfTheLimitEverythingIsWritten() {
        outlet.pending = LIMIT_BYTES / 2;
        deliver(entry(1), passing());
        assertThat(outlet.asked).containsExactly("1", "p", "flush");
    }

    @Test
    void pastHalfOfTheLimitTypingAndPresenceAreLeftOutAndEntriesAreNot() {
        outlet.pending = LIMIT_BYTES / 2 + 1;
        deliver(entry(1), passing());
        deliver(passing());
        deliver(entry(2));
        assertThat(outlet.asked).containsExactly("1", "flush", "flush", "2", "flush");
        assertThat(ada.closed()).isFalse();
        // Once it has read, it hears of the others again.
        outlet.pending = 0;
        outlet.asked.clear();
        deliver(passing());
        assertThat(outlet.asked).containsExactly("p", "flush");
    }

    @Test
    void pastTheLimitItIsLetGoWithTheCodeForSlowReadersAndWrittenToNoMore() {
        outlet.pending = LIMIT_BYTES;
        deliver(entry(1));
        assertThat(ada.closed()).as("at the limit").isFalse();
        outlet.pending = LIMIT_BYTES + 1;
        deliver(entry(2));
        assertThat(outlet.asked).containsExactly("1", "flush", "2", "flush", "TOO_SLOW");
        deliver(entry(3));
        assertThat(outlet.asked).as("nothing follows the close frame").hasSize(5);
    }

    private void deliver(Frame... frames) {
        Burst burst = Burst.of(List.of(frames));
        ada.deliver(burst);
        burst.release();
    }

    private static Frame entry(long seq) {
        return Frame.of(seq, Long.toString(seq).getBytes(StandardCharsets.UTF_8));
    }

    private static Frame passing() {
        return Frame.of(0, "p".getBytes(StandardCharsets.UTF_8));
    }
}
