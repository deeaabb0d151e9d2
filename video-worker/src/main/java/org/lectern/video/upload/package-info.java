/** Resumable upload by the tus 1.0 protocol: bytes stream to a file, PostgreSQL knows whose it is. */
@NullMarked
package org.lectern.video.upload;

import org.jspecify.annotations.NullMarked;
