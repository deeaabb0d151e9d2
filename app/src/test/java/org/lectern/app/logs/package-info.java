/** Tests of what may stand in a log. */
@NullMarked
package org.lectern.app.logs;

import org.jspecify.annotations.NullMarked;
