/** What a role leaves out beyond its beans: files, pages and descriptions that belong to the web role. */
@NullMarked
package org.lectern.app.roles;

import org.jspecify.annotations.NullMarked;
