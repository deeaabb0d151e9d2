package org.lectern.video.work;

import org.lectern.video.library.Video;

/** What people are told when a video ends without being ready; operators find the cause in the list of jobs. */
final class Faults {

    static final Video.Fault PROBE =
            new Video.Fault("probe_failed", "The file could not be examined. Try again later, or upload another copy.");

    static final Video.Fault STORE =
            new Video.Fault("store_failed", "The file could not be stored. Try again later, or upload another copy.");

    static final Video.Fault TRANSCODE = new Video.Fault(
            "transcode_failed", "The video could not be converted. Try again later, or upload another copy.");

    static final Video.Fault CANCELLED = new Video.Fault(
            "cancelled", "Processing was stopped by an operator. Delete the video and upload it again.");

    private Faults() {}
}
