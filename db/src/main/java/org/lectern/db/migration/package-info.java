/** Brings every database to the version of this program before anything uses it. Uses only the settings. */
@NullMarked
package org.lectern.db.migration;

import org.jspecify.annotations.NullMarked;
