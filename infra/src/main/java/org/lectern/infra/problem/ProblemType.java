package org.lectern.infra.problem;

import java.net.URI;
import java.util.Locale;

/**
 * Every kind of problem an HTTP client can get (RFC 9457), with its stable {@code type} and status. Documented in
 * docs/problems.md; the wire names are tested constants, never renamed.
 */
public enum ProblemType {
    /** The request is malformed or a field is out of its range. */
    INVALID_REQUEST(400, "The request is not valid"),
    /** No session, or one that has ended. */
    UNAUTHENTICATED(401, "A valid session is needed"),
    /** The session's roles or course do not permit this. */
    FORBIDDEN(403, "This session may not do that"),
    /** No such thing, or none that this session may know of. */
    NOT_FOUND(404, "There is no such resource"),
    /** The path exists, but not with this method. */
    METHOD_NOT_ALLOWED(405, "The method is not allowed here"),
    /** None of the representations asked for can be produced. */
    NOT_ACCEPTABLE(406, "No acceptable representation"),
    /** The same id was used with other content, or the state forbids the step. */
    CONFLICT(409, "The request conflicts with what is there"),
    /** What was there has been removed or has expired. */
    GONE(410, "The resource is gone"),
    /** A required precondition header is missing or does not hold. */
    PRECONDITION_FAILED(412, "A precondition failed"),
    /** The body or file is larger than the limit. */
    TOO_LARGE(413, "The content is too large"),
    /** The content type or file format is not supported. */
    UNSUPPORTED_MEDIA_TYPE(415, "The content type is not supported"),
    /** The content is understood but refused. */
    UNPROCESSABLE(422, "The content cannot be processed"),
    /** Somebody else works on the same thing just now; the same request may succeed soon. */
    LOCKED(423, "The resource is locked"),
    /** Too many requests of this user, room, tenant or region. */
    RATE_LIMITED(429, "Too many requests"),
    /** What arrived of an upload does not have the checksum its client named (the tus protocol's status). */
    CHECKSUM_MISMATCH(460, "The checksum does not match"),
    /** A fault of ours; the trace id in the problem leads to it. */
    INTERNAL(500, "Something went wrong on our side"),
    /** Every permitted shard of the room holds its limit of sockets. */
    ROOM_FULL(503, "The room is full"),
    /** A bounded queue is full; the same request may succeed later. */
    TRY_LATER(503, "Busy; try again later"),
    /** A dependency this needs does not answer now. */
    UNAVAILABLE(503, "A service this needs is not available"),
    /** A launch that failed a rule of the LTI security framework. */
    LAUNCH_REJECTED(401, "The launch was rejected");

    private final int status;
    private final String title;

    ProblemType(int status, String title) {
        this.status = status;
        this.title = title;
    }

    /** HTTP status code. */
    public int status() {
        return status;
    }

    /** Short human-readable summary, the same for every occurrence. */
    public String title() {
        return title;
    }

    /** The stable identifier on the wire, such as {@code urn:lectern:problem:room-full}. */
    public URI uri() {
        return URI.create("urn:lectern:problem:" + wire());
    }

    /** The last part of the identifier, such as {@code room-full}. */
    public String wire() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
