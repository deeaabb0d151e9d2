package org.lectern.chat.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.DefaultEventLoop;
import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.FrameCodec;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.protocol.ServerFrame;

/** However many come and write, what is told of them is one small frame a tick. */
class PresenceBoardTest {

    private static final long SECOND = 1_000_000_000L;

    private final EventLoop loop = new DefaultEventLoop();
    private final PresenceBoard board = new PresenceBoard();

    @AfterEach
    void stop() {
        var unused = loop.shutdownGracefully();
    }

    @Test
    void tenThousandWhoJoinAndWriteAreACountAndFiftyNames() {
        List<Attendee> here = new ArrayList<>();
        long largest = 0;
        for (int tick = 0; tick < 10; tick++) {
            for (int i = 0; i < 1000; i++) {
                Person person = new Person(new UUID(tick, i), "Somebody with a name of usual length " + i);
                here.add(new Attendee(person, false, 0, new NoOutlet(loop), new Post(loop), 1));
                board.typing(person.id(), tick * SECOND);
            }
            PresenceBoard.Summary said = Objects.requireNonNull(board.toSay("node", here, tick * SECOND));
            assertThat(said.people()).hasSize(PresenceBoard.NAMED_LIMIT);
            assertThat(said.typing()).hasSizeLessThanOrEqualTo(PresenceBoard.NAMED_LIMIT);
            ServerFrame.Presence shown = Objects.requireNonNull(board.toShow(tick * SECOND));
            assertThat(shown.count()).isEqualTo((tick + 1) * 1000);
            largest = Math.max(largest, new FrameCodec().encode(shown).length);
        }
        assertThat(largest).isLessThan(2 * PresenceBoard.NAMED_LIMIT * 120);
        // Nobody comes or goes: nothing is told, but that those who were writing stopped.
        long later = 20 * SECOND;
        assertThat(board.toSay("node", here, later)).isNotNull();
        assertThat(board.toShow(later)).isNotNull();
        assertThat(board.toSay("node", here, later + SECOND)).isNull();
        assertThat(board.toShow(later + SECOND)).isNull();
    }

    @Test
    void thePeopleOfANodeThatDiedFade() {
        Person ada = new Person(new UUID(0, 1), "Ada");
        board.heard(new PresenceBoard.Summary("other", 1, List.of(ada), List.of(ada)), 0);
        assertThat(board.toShow(SECOND)).isEqualTo(new ServerFrame.Presence(1, List.of(ada), List.of(ada)));
        assertThat(board.toShow(16 * SECOND)).isEqualTo(new ServerFrame.Presence(0, List.of(), List.of()));
    }

    private record NoOutlet(EventLoop loop) implements Outlet {
        @Override
        public void write(ByteBuf frames) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void flush() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long pendingBytes() {
            return 0;
        }

        @Override
        public void close(CloseCode code) {
            throw new UnsupportedOperationException();
        }
    }
}
