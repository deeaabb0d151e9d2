/** The jobs that videos ask for: their kinds, payloads and priorities; what the web asks for, video nodes do. */
@NullMarked
package org.lectern.video.orders;

import org.jspecify.annotations.NullMarked;
