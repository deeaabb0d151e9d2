package org.lectern.video.work;

import java.time.Duration;

/** How long one job moves bytes before another one goes on: well inside the five minutes of the lane for long work. */
final class Slices {

    /** Nothing new is begun after it. */
    static final Duration TIME = Duration.ofMinutes(2);

    /** What was begun has ended by then. */
    static final Duration LIMIT = Duration.ofMinutes(4);

    private Slices() {}
}
