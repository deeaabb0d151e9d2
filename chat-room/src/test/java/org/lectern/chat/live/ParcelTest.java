package org.lectern.chat.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.Written;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.ErrorCode;
import org.lectern.chat.protocol.Person;
import tools.jackson.core.JacksonException;

class ParcelTest {

    @Test
    void anOrderArrivesAsItWasSent() {
        Parcel.Order order = new Parcel.Order(
                UUID.randomUUID().toString(),
                List.of(
                        entry("a", "Ada", new Deed.Say("häh \"?\" 😀")),
                        entry("b", null, new Deed.Say("again", 3L, List.of())),
                        entry("c", "Grace", new Deed.Edit(7, "better")),
                        entry("d", "Grace", new Deed.Delete(7, "off topic")),
                        entry("e", "Grace", new Deed.React(7, "👍", false)),
                        entry("f", "Grace", new Deed.Pin(7, true)),
                        entry(
                                "g",
                                "Grace",
                                new Deed.Moderate(
                                        Deed.Action.MUTE,
                                        UUID.randomUUID(),
                                        Instant.parse("2026-11-21T10:00:00.123456Z"),
                                        null,
                                        null))));
        assertThat(Parcel.order(Parcel.packed(order))).isEqualTo(order);
    }

    private static NewEntry entry(String id, @Nullable String name, Deed deed) {
        return new NewEntry(id, new Person(UUID.randomUUID(), name), name == null, deed, Instant.now());
    }

    @Test
    void aReceiptArrivesAsItWasSent() {
        Parcel.Receipt receipt = new Parcel.Receipt(
                List.of(
                        new Written.Committed(7, true),
                        new Written.Conflicting(),
                        new Written.Refused(ErrorCode.SLOW_MODE, Duration.ofMillis(1_234))),
                null);
        assertThat(Parcel.receipt(Parcel.packed(receipt))).isEqualTo(receipt);
        assertThat(Parcel.receipt(Parcel.packed(new Parcel.Receipt(null, Parcel.Fault.FULL))))
                .isEqualTo(new Parcel.Receipt(null, Parcel.Fault.FULL));
    }

    @Test
    void noMessageNamesAClassOfItsOwnChoice() {
        byte[] evil = "{\"outcomes\":[{\"case\":\"java.lang.Runtime\"}]}".getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> Parcel.receipt(evil)).isInstanceOf(JacksonException.class);
    }
}
