/**
 * The one place where errors become answers: an RFC 9457 problem document as {@code application/problem+json} for every
 * API, and a small friendly page for a browser that asked for one. Nothing else in Lectern renders an error; features
 * throw {@link org.lectern.infra.problem.ProblemException}, security delegates to
 * {@link org.lectern.app.problem.SecurityProblems}.
 */
@NullMarked
package org.lectern.app.problem;

import org.jspecify.annotations.NullMarked;
