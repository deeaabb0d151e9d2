/** The people of a course, on the course's shard. */
@NullMarked
package org.lectern.db.member;

import org.jspecify.annotations.NullMarked;
