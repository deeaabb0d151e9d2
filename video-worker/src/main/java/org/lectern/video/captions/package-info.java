/** Captions of videos: reads SubRip and WebVTT, keeps them as WebVTT, one text for each language of a video. */
@NullMarked
package org.lectern.video.captions;

import org.jspecify.annotations.NullMarked;
