/** The jobs of video nodes: probe, transcode, clean up. */
@NullMarked
package org.lectern.video.work;

import org.jspecify.annotations.NullMarked;
