/** Carries a trace over what breaks threads and processes: a job's row, a broker, another node. */
@NullMarked
package org.lectern.infra.telemetry;

import org.jspecify.annotations.NullMarked;
