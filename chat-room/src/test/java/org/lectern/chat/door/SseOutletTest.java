package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.FrameCodec;
import org.springframework.http.codec.ServerSentEvent;
import tools.jackson.databind.json.JsonMapper;

class SseOutletTest {

    @Test
    void aReaderThatDoesNotReadItsLastEventLosesTheConnectionAfterAWhile() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.freezeTime();
        SseOutlet outlet = new SseOutlet(channel, new FrameCodec(), new JsonMapper());
        List<ServerSentEvent<String>> events = new ArrayList<>();
        var reading = outlet.events().subscribe(events::add);
        outlet.close(CloseCode.TOO_SLOW);
        assertThat(events).hasSize(1);
        assertThat(reading.isDisposed()).as("the stream has ended").isTrue();
        channel.advanceTimeBy(29, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
        assertThat(channel.isOpen()).isTrue();
        channel.advanceTimeBy(2, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
        assertThat(channel.isOpen()).isFalse();
    }
}
