/** LTI 1.3 from the tool's side: what its packages share, which is the configuration. Its packages stand on this one. */
@NullMarked
package org.lectern.app.lti;

import org.jspecify.annotations.NullMarked;
