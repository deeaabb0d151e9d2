package org.lectern.video;

import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.LaunchSession;

/**
 * Who may do what with videos: everybody in a course watches what is ready and sees what is on its way; staff upload,
 * delete, and also see unfinished and failed ones. Another course's videos do not exist, since every query carries the
 * session's own context.
 */
public final class VideoAccess {

    private VideoAccess() {}

    /**
     * Refuses uploading and deleting by others than staff.
     *
     * @throws ProblemException {@link ProblemType#FORBIDDEN}
     */
    public static void requireStaff(LaunchSession session) {
        if (!session.staff()) {
            throw new ProblemException(
                    ProblemType.FORBIDDEN, "Only instructors and teaching assistants add or remove videos");
        }
    }

    /** Whether the session also sees uploads that are unfinished, and videos that were refused or failed. */
    public static boolean seesUnfinished(LaunchSession session) {
        return session.staff();
    }
}
