/** Calls to platforms outside of a launch (LTI Advantage services): what their packages share, which is the configuration. */
@NullMarked
package org.lectern.app.lti.service;

import org.jspecify.annotations.NullMarked;
