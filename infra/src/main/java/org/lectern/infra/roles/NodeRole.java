package org.lectern.infra.roles;

import java.util.Locale;

/** What a node does ({@code lectern.roles}); a node has one role or several, all by default. */
public enum NodeRole {
    /** LTI, sessions, pages, uploads, playback, query and operations routes. */
    WEB("LTI, sessions, pages, uploads, playback, query and operations routes"),
    /** Chat sockets, rooms and {@code /api/chat}. */
    CHAT("chat sockets, rooms and /api/chat"),
    /** Consumers of video and notification jobs; no routes but health and metrics. */
    VIDEO("consumers of video and notification jobs"),
    /** Consumers of analytics jobs, rollups and the control plane's loop; no routes but health and metrics. */
    ANALYTICS("consumers of analytics jobs, rollups and the control plane's loop");

    private final String duty;

    NodeRole(String duty) {
        this.duty = duty;
    }

    /** One line on what the role starts, for {@code --list-roles}. */
    public String duty() {
        return duty;
    }

    /** The name used in configuration: lower case. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
