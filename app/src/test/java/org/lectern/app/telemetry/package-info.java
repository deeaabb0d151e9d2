/** Tests of traces, logs and metrics as the application puts them together. */
@NullMarked
package org.lectern.app.telemetry;

import org.jspecify.annotations.NullMarked;
