/** Signed, expiring addresses of playlists and segments, and the route that serves them. */
@NullMarked
package org.lectern.video.playback;

import org.jspecify.annotations.NullMarked;
