/** What people did, recorded where it happened: the features write it, analytics reads it. */
@NullMarked
package org.lectern.infra.activity;

import org.jspecify.annotations.NullMarked;
