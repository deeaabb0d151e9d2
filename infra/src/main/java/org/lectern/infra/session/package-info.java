/** Who is asking: the session that a launch opened, as the features see it. */
@NullMarked
package org.lectern.infra.session;

import org.jspecify.annotations.NullMarked;
