package org.lectern.chat.log;

import java.util.List;

/**
 * A message that was searched for.
 *
 * @param message which
 * @param excerpt plain text around the words
 * @param marks where in the excerpt they stand
 */
public record Hit(MessageState message, String excerpt, List<Mark> marks) {

    /** Copies the marks. */
    public Hit {
        marks = List.copyOf(marks);
    }

    /**
     * A stretch of the excerpt, in UTF-16 code units as JavaScript counts them.
     *
     * @param start where it begins
     * @param end where it ends, exclusive
     */
    public record Mark(int start, int end) {}
}
