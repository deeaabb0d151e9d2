/** Video: resumable upload, probing, transcoding, playback. Uses infra and db only. */
@NullMarked
package org.lectern.video;

import org.jspecify.annotations.NullMarked;
