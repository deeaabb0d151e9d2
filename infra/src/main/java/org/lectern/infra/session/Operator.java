package org.lectern.infra.session;

/**
 * Who operates: taken by controllers under {@code /api/ops} as a parameter, for what they note about a change. An
 * operator may come with a launch's session or with a token of the operators' own issuer, so there it is no
 * {@link LaunchSession} that a controller can rely on.
 *
 * @param name stands in audit entries: {@code user:} and Lectern's id of the person, or {@code token:} and the token's
 *     subject
 */
public record Operator(String name) {

    /** The longest name. */
    public static final int LIMIT = 200;

    /** Cuts the name and takes out what is not printable ASCII: a token's subject is somebody else's text. */
    public Operator {
        name = name.chars()
                .limit(LIMIT)
                .map(c -> c > ' ' && c <= '~' ? c : '?')
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
