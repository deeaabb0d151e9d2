/** How long answers took: log-bucket histograms per course and for this node. Uses db and session only. */
@NullMarked
package org.lectern.infra.latency;

import org.jspecify.annotations.NullMarked;
