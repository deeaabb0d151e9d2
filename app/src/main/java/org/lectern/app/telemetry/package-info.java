/** What every metric of a node carries. */
@NullMarked
package org.lectern.app.telemetry;

import org.jspecify.annotations.NullMarked;
