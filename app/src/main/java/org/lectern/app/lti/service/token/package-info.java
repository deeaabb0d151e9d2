/** Access tokens for platforms' services: client credentials, signed by the tool's key, fetched once for all nodes. */
@NullMarked
package org.lectern.app.lti.service.token;

import org.jspecify.annotations.NullMarked;
