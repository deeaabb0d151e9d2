/** Every SQL statement of the product, read from its sources, against the schema that the migrations make. */
@NullMarked
package org.lectern.app.sql;

import org.jspecify.annotations.NullMarked;
