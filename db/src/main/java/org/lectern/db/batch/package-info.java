/** Many rows by one statement. */
@NullMarked
package org.lectern.db.batch;

import org.jspecify.annotations.NullMarked;
