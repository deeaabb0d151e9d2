package org.lectern.app.lti.service.message;

import java.net.URI;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;

/**
 * A message about a person, as its session's page needs it.
 *
 * @param registration the platform
 * @param subject the platform's id of the person it is about; null for an anonymous one
 * @param lineItem the column it is about, where it is about one
 */
record PersonMessage(
        Registration registration,
        @Nullable String subject,
        @Nullable URI lineItem) {

    /** Leaves the person out. */
    @Override
    public String toString() {
        return "PersonMessage[registration=" + registration.id() + "]";
    }
}
