package org.lectern.app.lti.service.endpoint;

import java.util.Locale;

/** An address that a launch names. */
public enum ServiceKind {
    /** AGS: the line items of the course. */
    LINE_ITEMS(false),
    /** AGS: the one line item of a link. */
    LINE_ITEM(true),
    /** NRPS: the members of the course. */
    MEMBERSHIPS(false),
    /** Course Groups: the groups of the course. */
    GROUPS(false),
    /** Course Groups: the sets of groups. */
    GROUP_SETS(false),
    /** PNS: the handlers of the deployment. */
    NOTICES(false),
    /** EULA: acceptance of the deployment's terms. */
    EULA(false);

    private final boolean ofLink;

    ServiceKind(boolean ofLink) {
        this.ofLink = ofLink;
    }

    /** Whether it belongs to a link, not to the whole course. */
    public boolean ofLink() {
        return ofLink;
    }

    /** The name in the database: lower case. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
