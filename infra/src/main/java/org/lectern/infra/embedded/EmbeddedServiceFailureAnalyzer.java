package org.lectern.infra.embedded;

import org.lectern.db.embedded.EmbeddedServiceException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says in two lines why a private server did not start and what to do, instead of a stack trace. */
final class EmbeddedServiceFailureAnalyzer extends AbstractFailureAnalyzer<EmbeddedServiceException> {

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, EmbeddedServiceException cause) {
        return new FailureAnalysis(String.valueOf(cause.getMessage()), cause.remedy(), cause);
    }
}
