/** Who may call what over HTTP: the one security chain, its bearer authentication and the security headers. */
@NullMarked
package org.lectern.app.security;

import org.jspecify.annotations.NullMarked;
