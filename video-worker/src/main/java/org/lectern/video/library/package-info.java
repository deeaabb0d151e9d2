/** The videos of a course: rows and their states, the API that lists, shows, deletes and records watching. */
@NullMarked
package org.lectern.video.library;

import org.jspecify.annotations.NullMarked;
