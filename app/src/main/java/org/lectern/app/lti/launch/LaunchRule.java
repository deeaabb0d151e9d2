package org.lectern.app.lti.launch;

import static org.lectern.app.lti.launch.LaunchRule.Advice.ASK_ADMINISTRATOR;
import static org.lectern.app.lti.launch.LaunchRule.Advice.BROWSER;
import static org.lectern.app.lti.launch.LaunchRule.Advice.TRY_AGAIN;
import static org.lectern.app.lti.launch.LaunchRule.Advice.WAIT_FOR_APPROVAL;

import java.util.Locale;

/**
 * Every rule a login and a launch is held to. The id stands in logs and metrics and in docs/lti.md; it is never renamed.
 * "SEC" is the 1EdTech Security Framework 1.0, "CORE" the LTI Core Specification 1.3, "OIDC" OpenID Connect Core 1.0.
 */
public enum LaunchRule {
    /** CORE 5.1.1.1. */
    LOGIN_PARAMETERS(
            "The login carries iss, login_hint and target_link_uri, each once and within its length",
            ASK_ADMINISTRATOR),
    /** SEC 5.1.1.1. */
    LOGIN_REGISTRATION("The issuer and client id of the login are registered; one client is meant", ASK_ADMINISTRATOR),
    /** CORE 5.1.1.1. */
    LOGIN_TARGET("The login's target_link_uri is a page of this server", ASK_ADMINISTRATOR),
    /** OIDC 3.1.2.6. */
    PLATFORM_ERROR("The platform answered the login with a token, not with an error", TRY_AGAIN),
    /** SEC 5.1.1.3. */
    RESPONSE_PARAMETERS("The answer carries id_token and state, each once and within its length", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (7): the login was ours, is recent and was not answered before. */
    STATE("The state was issued by us, is recent and was not used before", TRY_AGAIN),
    /** SEC 5.1.3 and 7.3.1. */
    BROWSER_BINDING("The browser that answers is the one that began the login", BROWSER),
    /** Dynamic Registration ends with a person's agreement. */
    REGISTRATION_APPROVED("The registration was approved by an operator of Lectern", WAIT_FOR_APPROVAL),
    /** Pausing a platform. */
    REGISTRATION_ACTIVE("The registration is not paused", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (1). */
    TOKEN_FORM("The id_token is a signed JWT in compact form", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (1), 6.1: never none, never a shared secret. */
    ALGORITHM("The id_token is signed by RS256 or ES256", ASK_ADMINISTRATOR),
    /** SEC 6.3: keys in the header itself (jku, jwk, x5u) count for nothing. */
    KEY_ID("The id_token names its key by kid and needs no header we do not know", ASK_ADMINISTRATOR),
    /** SEC 6.3. */
    KEYS_AVAILABLE("The platform's key address answers with a key set", TRY_AGAIN),
    /** SEC 6.3. */
    KEY_KNOWN("The platform publishes the key, fit for this algorithm and strong enough", TRY_AGAIN),
    /** SEC 5.1.3 (1). */
    SIGNATURE("The signature is the platform's", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (2). */
    ISSUER("iss is the registration's issuer, exactly", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (3). */
    AUDIENCE("aud names our client id and nobody we do not trust", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (4) and (5). */
    AUTHORIZED_PARTY("azp, where given or needed, is our client id", ASK_ADMINISTRATOR),
    /** SEC 5.1.3 (7). */
    EXPIRY("exp is given and lies in the future", TRY_AGAIN),
    /** SEC 5.1.3 (8). */
    ISSUED_AT("iat is given, lies in the past and is recent", TRY_AGAIN),
    /** SEC 5.1.3 (9). */
    NONCE("nonce is the one of this login", TRY_AGAIN),
    /** CORE 5.3.7. */
    VERSION("The LTI version is 1.3.0", ASK_ADMINISTRATOR),
    /** CORE 5.3.1. */
    MESSAGE_TYPE("The message type is one of those Lectern takes", ASK_ADMINISTRATOR),
    /** CORE 5.3.3. */
    DEPLOYMENT("deployment_id is given, registered and active", ASK_ADMINISTRATOR),
    /** CORE 5.3.4. */
    TARGET_LINK_URI("target_link_uri is the one of the login", ASK_ADMINISTRATOR),
    /** CORE 5.3.5. */
    RESOURCE_LINK("The resource link has an id", ASK_ADMINISTRATOR),
    /** Deep Linking 2.0, 3.4.1: where to answer, and what is accepted. */
    DEEP_LINKING_SETTINGS("A deep linking request says where to answer and what it accepts", ASK_ADMINISTRATOR),
    /** Submission Review 1.0, 3.4: whose work, and for which line item. */
    FOR_USER("A submission review says whose work it is about", ASK_ADMINISTRATOR),
    /** CORE 5.3.6. */
    SUBJECT(
            "sub is given (unless the registration permits anonymous launches) and within its length",
            ASK_ADMINISTRATOR),
    /** CORE 5.3.7.1. */
    ROLES("The roles claim is given and is a list of names", ASK_ADMINISTRATOR),
    /** CORE 5.4.1. */
    CONTEXT("The context, where given, has an id within its length", ASK_ADMINISTRATOR);

    private final String requirement;
    private final Advice advice;

    LaunchRule(String requirement, Advice advice) {
        this.requirement = requirement;
        this.advice = advice;
    }

    /** The stable id, such as {@code key-known}. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What must hold, in one sentence. */
    public String requirement() {
        return requirement;
    }

    /** What the user can do. */
    public Advice advice() {
        return advice;
    }

    /** What a user can do about a rejection; it says nothing of the rule. */
    public enum Advice {
        /** Open the activity again. */
        TRY_AGAIN(
                "Go back to your course and open the activity again. If it happens again, tell your teacher the reference below."),
        /** The browser keeps no cookies here. */
        BROWSER(
                "Your browser did not let Lectern recognise it. Open the activity in a new tab or window, or allow cookies for this site, and try again."),
        /** An operator of Lectern has to agree first. */
        WAIT_FOR_APPROVAL(
                "Lectern has not been switched on for your learning management system yet. Its people asked for it, and an operator of Lectern has to agree. Please try again later, or tell them the reference below."),
        /** Somebody has to change a setting. */
        ASK_ADMINISTRATOR(
                "Trying again will probably not help. Please tell the people who run your learning management system the reference below.");

        private final String text;

        Advice(String text) {
            this.text = text;
        }

        /** The sentence on the page. */
        public String text() {
            return text;
        }
    }
}
