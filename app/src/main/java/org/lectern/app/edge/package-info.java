/** Limits of the HTTP edge: how long a request, a read and an idle connection may take. */
@NullMarked
package org.lectern.app.edge;

import org.jspecify.annotations.NullMarked;
