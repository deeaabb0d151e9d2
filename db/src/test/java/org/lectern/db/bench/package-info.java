/** Benchmarks of the data plane, started by the scripts in bench/. */
@NullMarked
package org.lectern.db.bench;

import org.jspecify.annotations.NullMarked;
