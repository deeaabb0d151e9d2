/** The LTI 1.3 launch: login, the platform's answer, every rule it is held to, and the session it opens. */
@NullMarked
package org.lectern.app.lti.launch;

import org.jspecify.annotations.NullMarked;
