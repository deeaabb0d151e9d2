/** Accounts of LTI 1.1: keys that vouch for old ids, and the old ids themselves (LTI 1.3 Migration Guide). */
@NullMarked
package org.lectern.app.lti.migration;

import org.jspecify.annotations.NullMarked;
