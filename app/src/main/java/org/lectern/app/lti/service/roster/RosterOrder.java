package org.lectern.app.lti.service.roster;

import org.jspecify.annotations.Nullable;

/**
 * What a roster job is to read.
 *
 * @param whole everybody, also where the platform could tell the differences since the last time
 * @param role only people of this role, as the platform names it; null for everybody
 * @param resourceLink only people with access to this link of the course (LTI's id); null for the course
 */
record RosterOrder(
        boolean whole, @Nullable String role, @Nullable String resourceLink) {

    /** Whether it is about everybody of the course. */
    boolean everybody() {
        return role == null && resourceLink == null;
    }
}
