/** The rules of the house as tests; each is shown red over the seeded violations of package {@code violations}. */
@NullMarked
package org.lectern.app.architecture;

import org.jspecify.annotations.NullMarked;
