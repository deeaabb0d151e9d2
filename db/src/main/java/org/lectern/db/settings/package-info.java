/** Where the databases are and what bounds their use, as an operator configures it. */
@NullMarked
package org.lectern.db.settings;

import org.jspecify.annotations.NullMarked;
