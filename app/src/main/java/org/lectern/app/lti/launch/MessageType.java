package org.lectern.app.lti.launch;

import java.util.Arrays;
import java.util.Optional;

/** The messages by which a platform opens Lectern. */
public enum MessageType {
    /** CORE 5.3: somebody follows a link of the course. */
    RESOURCE_LINK("LtiResourceLinkRequest"),
    /** Deep Linking 2.0: an instructor picks what to place in the course. */
    DEEP_LINKING("LtiDeepLinkingRequest"),
    /** Submission Review 1.0: somebody looks at what stands behind a grade. */
    SUBMISSION_REVIEW("LtiSubmissionReviewRequest"),
    /** Data Privacy Launch (a draft; platforms send either name). */
    DATA_PRIVACY("LtiDataPrivacyLaunchRequest", "DataPrivacyLaunchRequest"),
    /** EULA (of the Asset Processor family): a person is asked to accept the terms. */
    EULA("LtiEulaRequest");

    private final String wire;
    private final String otherWire;

    MessageType(String wire) {
        this(wire, wire);
    }

    MessageType(String wire, String otherWire) {
        this.wire = wire;
        this.otherWire = otherWire;
    }

    /** The type of a wire name, if Lectern takes such messages. */
    static Optional<MessageType> of(String name) {
        return Arrays.stream(values())
                .filter(type -> type.wire.equals(name) || type.otherWire.equals(name))
                .findFirst();
    }
}
