/** Lectern's own keys as an LTI tool: made, sealed at rest, rotated with overlap and published at the JWKS address. */
@NullMarked
package org.lectern.app.lti.keys;

import org.jspecify.annotations.NullMarked;
