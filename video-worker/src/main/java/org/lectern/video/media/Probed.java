package org.lectern.video.media;

/** The outcome of looking at an uploaded file. */
public sealed interface Probed {

    /**
     * It can be transcoded.
     *
     * @param source what was found
     */
    record Accepted(SourceInfo source) implements Probed {}

    /**
     * It cannot, and no second try will help.
     *
     * @param reason why
     */
    record Refused(Refusal reason) implements Probed {}
}
