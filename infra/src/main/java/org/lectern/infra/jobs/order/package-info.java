/** Which job goes next, to which queue, and when again: the decisions of the job engine as plain functions of java.*. */
@NullMarked
package org.lectern.infra.jobs.order;

import org.jspecify.annotations.NullMarked;
