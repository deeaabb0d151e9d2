/** What FFmpeg is asked to do, in a locked-down process: probe, choose the ladder, transcode. Pure core, no database. */
@NullMarked
package org.lectern.video.media;

import org.jspecify.annotations.NullMarked;
