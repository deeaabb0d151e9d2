package org.lectern.app.logs;

import java.util.regex.Pattern;

/**
 * Strikes out what looks like a secret, wherever it came from: tickets, codes and tokens in addresses, bearer tokens,
 * signed tokens. The pattern of the console in application.yaml is the same.
 */
final class Redaction {

    private static final Pattern SECRET = Pattern.compile(
            "((?:ticket|code|id_token|access_token|refresh_token|token|client_assertion|nonce|password|sig)=|Bearer )"
                    + "[\\w.~+/%=-]{8,}");

    /** A JSON web token; what is left shows that there was one. */
    private static final Pattern SIGNED = Pattern.compile("eyJ[\\w-]{8,}\\.[\\w-]+\\.[\\w-]*");

    private Redaction() {}

    static String strike(String text) {
        return SIGNED.matcher(SECRET.matcher(text).replaceAll("$1***")).replaceAll("eyJ***");
    }
}
