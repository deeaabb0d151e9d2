package org.lectern.app.lti.doctor;

import com.nimbusds.jwt.JWTClaimsSet;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.doctor.Diagnosis.Step;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.launch.Rejections;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.RegisteredPlatform;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import org.springframework.web.reactive.function.BodyInserters;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Looks at a registration in the order of a launch. It asks the platform what a launch and a service call would ask, through
 * the same guard and under the same limits, and changes nothing. What is wrong is said with what to do about it.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Doctor {

    private static final String SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score";
    private static final Duration ASSERTION_LIFETIME = Duration.ofMinutes(1);
    private static final int REJECTIONS_SHOWN = 5;

    private final RegistrationDesk desk;
    private final AddressChecks addresses;
    private final ToolKeys keys;
    private final Rejections rejections;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;

    Doctor(
            RegistrationDesk desk,
            AddressChecks addresses,
            ToolKeys keys,
            Rejections rejections,
            JsonMapper json,
            IdGenerator ids,
            Clock clock) {
        this.desk = desk;
        this.addresses = addresses;
        this.keys = keys;
        this.rejections = rejections;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
    }

    /** Checks a registration; errors with a not-found problem when there is none. */
    Mono<Diagnosis> examine(UUID id) {
        return desk.find(id).flatMap(platform -> {
            Registration registration = platform.registration();
            return Mono.zip(
                            addresses.authorization(registration),
                            addresses.keySet(registration),
                            token(registration),
                            rejections.recent())
                    .map(answers -> {
                        List<Step> steps = new ArrayList<>();
                        steps.add(state(registration));
                        steps.add(issuer(registration));
                        steps.add(deployments(platform));
                        steps.add(answers.getT1());
                        steps.addAll(answers.getT2());
                        steps.add(answers.getT3());
                        steps.add(rejected(registration, answers.getT4()));
                        return new Diagnosis(id, clock.instant(), steps);
                    });
        });
    }

    private static Step state(Registration registration) {
        if (registration.approval() != Approval.APPROVED) {
            return Step.failure(
                    "registration",
                    "The registration is " + registration.approval().key(),
                    "Approve it when you know who asked for it; until then every launch is rejected");
        }
        return registration.paused()
                ? Step.failure("registration", "The registration is paused", "Resume it to let it launch")
                : Step.ok("registration", "The registration is approved and not paused");
    }

    private static Step issuer(Registration registration) {
        String issuer = registration.issuer();
        if (!issuer.equals(issuer.strip())) {
            return Step.failure("issuer", "The issuer begins or ends with a space", "Register it without");
        }
        return issuer.startsWith("https://")
                ? Step.ok("issuer", "The issuer is " + issuer)
                : Step.warning(
                        "issuer",
                        "The issuer " + issuer + " is no https address",
                        "Compare it with iss as the platform sends it; it has to be the same to the letter");
    }

    private static Step deployments(RegisteredPlatform platform) {
        String counted =
                platform.activeDeployments() + " may launch, " + platform.pendingDeployments() + " wait for approval";
        if (platform.activeDeployments() == 0) {
            return Step.failure(
                    "deployments",
                    counted,
                    platform.registration().pendingDeployments()
                            ? "Launch once from the course, then approve the deployment that shows up"
                            : "Add the deployment id that the platform shows, or switch pending_deployments on and launch once");
        }
        return platform.pendingDeployments() > 0
                ? Step.warning("deployments", counted, "Approve or block those that wait")
                : Step.ok("deployments", counted);
    }

    private Mono<Step> token(Registration registration) {
        String name = "token-endpoint";
        URI address = registration.tokenEndpoint();
        if (address == null) {
            return Mono.just(Step.warning(
                    name, "None is registered", "Launches work; scores, rosters and other services need one"));
        }
        return addresses
                .exchanged(
                        name,
                        registration,
                        address,
                        client -> client.post()
                                .uri(address)
                                .accept(MediaType.APPLICATION_JSON)
                                .body(BodyInserters.fromFormData("grant_type", "client_credentials")
                                        .with(
                                                "client_assertion_type",
                                                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                                        .with("client_assertion", assertion(registration, address))
                                        .with("scope", SCOPE))
                                .exchangeToMono(response -> response.bodyToMono(String.class)
                                        .defaultIfEmpty("")
                                        .map(body -> new AddressChecks.Response(
                                                response.statusCode().value(),
                                                response.headers().asHttpHeaders(),
                                                body))))
                .map(answer -> switch (answer) {
                    case AddressChecks.Failed<?> failed -> failed.step();
                    case AddressChecks.Answered<AddressChecks.Response> answered ->
                        granted(registration, answered.value());
                });
    }

    private Step granted(Registration registration, AddressChecks.Response response) {
        String name = "token-endpoint";
        JsonNode body = read(response.body());
        if (response.status() == 200 && body != null && body.hasNonNull("access_token")) {
            return Step.ok(name, "It gives out a token for scores");
        }
        String error = body == null ? "" : body.path("error").asString("");
        return switch (error) {
            case "invalid_scope", "unauthorized_client" ->
                Step.warning(
                        name,
                        "It knows us, and does not permit scores (" + error + ")",
                        "Permit the Assignment and Grade Services for this tool in the platform, if you want scores");
            case "invalid_client", "invalid_request", "invalid_grant" ->
                Step.failure(
                        name,
                        "It does not accept our signature (" + error + "), which was made for the audience "
                                + registration.assertionAudience(),
                        "Give the platform our key set's address, /.well-known/jwks.json, and see that it can reach it; where the platform shows an audience of its own (Brightspace does), set token_audience");
            default ->
                Step.failure(
                        name,
                        "It answers " + response.status() + " and no token",
                        "Compare the address with the one the platform shows");
        };
    }

    private String assertion(Registration registration, URI endpoint) {
        Instant now = clock.instant();
        return keys.sign(new JWTClaimsSet.Builder()
                .issuer(registration.clientId())
                .subject(registration.clientId())
                .audience(Objects.requireNonNullElseGet(registration.assertionAudience(), endpoint::toString))
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(ASSERTION_LIFETIME)))
                .jwtID(ids.generateId().toString())
                .build());
    }

    private static Step rejected(Registration registration, List<Rejections.Rejection> recent) {
        List<String> last = recent.stream()
                .filter(one -> registration.issuer().equals(one.issuer())
                        && registration.clientId().equals(one.clientId()))
                .limit(REJECTIONS_SHOWN)
                .map(one -> one.at() + " " + one.rule() + ": " + one.detail() + " (" + one.reference() + ")")
                .toList();
        return last.isEmpty()
                ? Step.ok("rejections", "No launch of it was rejected lately")
                : Step.warning("rejections", String.join("; ", last), "docs/lti.md says what each rule asks for");
    }

    private @Nullable JsonNode read(String body) {
        try {
            return json.readTree(body);
        } catch (JacksonException e) {
            return null;
        }
    }
}
