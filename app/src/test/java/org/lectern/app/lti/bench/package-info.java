/** What a launch costs: started by {@code bench/launches.sh}. */
@NullMarked
package org.lectern.app.lti.bench;

import org.jspecify.annotations.NullMarked;
