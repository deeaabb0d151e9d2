package org.lectern.db;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.UUID;

/**
 * Lectern's own id of a context (a course as one deployment of one platform sees it).
 *
 * <p>A UUIDv7 that stands for (issuer, client id, deployment id, LTI context id): LTI's own ids are unique only within
 * a deployment and never appear in our URLs. Everything that belongs to a course is sharded by this id.
 *
 * @param value the id as a UUID
 */
public record ContextId(@JsonValue UUID value) {

    /**
     * Reads the textual form.
     *
     * @param text a UUID in its canonical 36 character form
     * @throws IllegalArgumentException when the text is not a UUID
     */
    @JsonCreator
    public static ContextId parse(String text) {
        return new ContextId(UUID.fromString(text));
    }

    /**
     * The same as {@link #parse}, by the name under which Spring's conversion service finds it: so a context id can be a
     * path variable or a parameter.
     */
    public static ContextId valueOf(String text) {
        return parse(text);
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
