/** The platforms (LMS) that may launch: registrations, deployments and their public keys; fetching what lies outside. */
@NullMarked
package org.lectern.app.lti.platform;

import org.jspecify.annotations.NullMarked;
