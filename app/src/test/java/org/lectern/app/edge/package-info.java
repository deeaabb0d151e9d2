/** Tests of the limits of the HTTP edge. */
@NullMarked
package org.lectern.app.edge;

import org.jspecify.annotations.NullMarked;
