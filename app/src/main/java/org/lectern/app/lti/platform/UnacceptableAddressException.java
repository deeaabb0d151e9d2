package org.lectern.app.lti.platform;

import java.io.Serial;

/** An address that may not be called: it is not https, or names a host of this machine or an address instead of a name. */
public final class UnacceptableAddressException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    UnacceptableAddressException() {
        super("the address is not acceptable: it has to be https and name a public host");
    }
}
