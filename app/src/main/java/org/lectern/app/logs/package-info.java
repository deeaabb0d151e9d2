/** What may stand in a log: everything but secrets; for people on a console, or as JSON for machines. */
@NullMarked
package org.lectern.app.logs;

import org.jspecify.annotations.NullMarked;
