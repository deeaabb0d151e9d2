/** Learning analytics: activity to rollups to dashboards. Uses infra and db only. */
@NullMarked
package org.lectern.analytics;

import org.jspecify.annotations.NullMarked;
