package org.lectern.app.lti.launch;

import org.jspecify.annotations.Nullable;

/** What operators read in logs, made from what strangers sent. */
final class Operators {

    private static final int SHOWN = 120;

    private Operators() {}

    /** A stranger's text in quotes: printable ASCII only, cut where it is long. */
    static String quoted(@Nullable Object text) {
        StringBuilder shown = new StringBuilder("'");
        String.valueOf(text)
                .chars()
                .limit(SHOWN)
                .forEach(c -> shown.append(c > ' ' && c <= '~' && c != '\'' ? (char) c : '?'));
        return shown.append('\'').toString();
    }
}
