/** What operators see and do that belongs to no single feature; all of it under {@code /api/ops}. */
@NullMarked
package org.lectern.app.ops;

import org.jspecify.annotations.NullMarked;
