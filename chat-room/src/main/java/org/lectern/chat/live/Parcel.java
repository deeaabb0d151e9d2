package org.lectern.chat.live;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.io.Serial;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.Written;
import org.lectern.db.ContextId;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.Annotated;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsontype.NamedType;

/**
 * What nodes pass to each other about writing, as JSON. Values of the chat's own sealed types carry the simple name of
 * their case; nothing else is polymorphic, so no message can name a class.
 */
final class Parcel {

    /** Entries for a room, from the node that took them to the room's owner. */
    record Order(String room, List<NewEntry> entries) {
        ContextId context() {
            return ContextId.parse(room);
        }
    }

    /**
     * What became of them.
     *
     * @param outcomes one for each, in order; none when something was not written
     * @param fault why not
     */
    record Receipt(
            @Nullable List<Written> outcomes, @Nullable Fault fault) {}

    /** Why an owner that works as it should did not write all of an order. */
    enum Fault {
        /** Its queue is full. */
        FULL,
        /** The database takes one of the entries from nobody; each of the others may have been written. */
        UNFIT
    }

    private static final JsonMapper JSON =
            JsonMapper.builder().annotationIntrospector(new SealedTypes()).build();

    private Parcel() {}

    static byte[] packed(Object orderOrReceipt) {
        return JSON.writeValueAsBytes(orderOrReceipt);
    }

    /** Errors when the other node speaks another version; the caller then writes itself. */
    static Order order(byte[] json) {
        return JSON.readValue(json, Order.class);
    }

    static Receipt receipt(byte[] json) {
        return JSON.readValue(json, Receipt.class);
    }

    private static final class SealedTypes extends JacksonAnnotationIntrospector {

        @Serial
        private static final long serialVersionUID = 1L;

        @Override
        public JsonTypeInfo.@Nullable Value findPolymorphicTypeInfo(MapperConfig<?> config, Annotated annotated) {
            return ours(annotated)
                    ? JsonTypeInfo.Value.construct(
                            JsonTypeInfo.Id.SIMPLE_NAME, JsonTypeInfo.As.PROPERTY, "case", null, false, true)
                    : super.findPolymorphicTypeInfo(config, annotated);
        }

        @Override
        public @Nullable List<NamedType> findSubtypes(MapperConfig<?> config, Annotated annotated) {
            return ours(annotated)
                    ? Arrays.stream(annotated.getRawType().getPermittedSubclasses())
                            .map(NamedType::new)
                            .toList()
                    : super.findSubtypes(config, annotated);
        }

        private static boolean ours(Annotated annotated) {
            Class<?> type = annotated.getRawType();
            return type.isSealed() && type.isInterface() && type.getName().startsWith("org.lectern.chat.");
        }
    }
}
