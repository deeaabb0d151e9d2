package org.lectern.app.lti;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Size;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * LTI: the platforms that may launch, and how strict time is taken.
 *
 * @param publicUrl scheme, host and port under which browsers reach Lectern; taken from the request when left out
 * @param registrations platforms registered by configuration; each start writes them to the directory
 * @param loginLifetime from the login to the launch that answers it (default 10m)
 * @param clockLeeway how far a platform's clock may be off (default 3m)
 * @param tokenAge how old a launch's token may be by its {@code iat} (default 1h)
 * @param jwks how keys of platforms are fetched; its limits hold for every call of a platform's address
 * @param dynamicRegistration whether platforms may register themselves
 */
@ConfigurationProperties("lectern.lti")
@Validated
public record LtiProperties(
        @Nullable URI publicUrl,
        @DefaultValue({}) List<@Valid Platform> registrations,

        @DefaultValue("10m") @DurationMin(minutes = 1) @DurationMax(hours = 1)
        Duration loginLifetime,

        @DefaultValue("3m") @DurationMin(seconds = 0) @DurationMax(minutes = 10)
        Duration clockLeeway,

        @DefaultValue("1h") @DurationMin(minutes = 1) Duration tokenAge,

        @DefaultValue @Valid Jwks jwks,

        @DefaultValue @Valid DynamicRegistration dynamicRegistration) {

    /** Copies the list. */
    public LtiProperties {
        registrations = List.copyOf(registrations);
    }

    /**
     * A platform by configuration. Its addresses are trusted, loopback and private networks included.
     *
     * @param name what people call it; the issuer when left out
     * @param issuer the platform's {@code iss}, exactly
     * @param clientId the id it gave to Lectern
     * @param authorizationEndpoint its OpenID Connect authorization endpoint
     * @param tokenEndpoint its OAuth 2 token endpoint, for LTI services
     * @param tokenAudience what the token endpoint is called in assertions ({@code aud}); its address when left out
     * @param jwksUri where its public keys are
     * @param deploymentIds deployments that may launch
     * @param pendingDeployments whether an unknown deployment is noted as pending for approval (default false)
     * @param operators whether its administrators are operators of this server (default false)
     * @param paused whether its launches are refused for now (default false)
     * @param anonymousLaunches whether launches without {@code sub} are accepted (default false)
     */
    public record Platform(
            @Nullable String name,
            @NotBlank @Size(max = 512) String issuer,
            @NotBlank @Size(max = 255) String clientId,
            URI authorizationEndpoint,
            @Nullable URI tokenEndpoint,
            @Nullable @Size(max = 512) String tokenAudience,
            URI jwksUri,
            @DefaultValue({}) List<@NotBlank @Size(max = 255) String> deploymentIds,
            @DefaultValue("false") boolean pendingDeployments,
            @DefaultValue("false") boolean operators,
            @DefaultValue("false") boolean paused,
            @DefaultValue("false") boolean anonymousLaunches) {

        /** Copies the list. */
        public Platform {
            deploymentIds = List.copyOf(deploymentIds);
        }
    }

    /**
     * Platforms that register themselves; each waits for an operator's approval.
     *
     * @param enabled whether {@code /lti/register} is open (default true)
     * @param trustedHosts platforms of your own network that may register though their addresses are http, loopback or
     *     private: {@code host} or {@code host:port} (default none)
     * @param issuerHosts issuers whose configuration comes from another host, as {@code issuer's host=configuration's host};
     *     the default knows Canvas in the cloud
     * @param pendingLimit how many registrations may wait for approval (default 100)
     */
    public record DynamicRegistration(
            @DefaultValue("true") boolean enabled,

            @DefaultValue({}) List<@NotBlank String> trustedHosts,

            @DefaultValue({
                "canvas.instructure.com=sso.canvaslms.com",
                "canvas.beta.instructure.com=sso.beta.canvaslms.com",
                "canvas.test.instructure.com=sso.test.canvaslms.com"
            })
            List<@NotBlank String> issuerHosts,

            @DefaultValue("100") @Min(1) @Max(10_000) int pendingLimit) {

        /** Lower case, as hosts compare. */
        public DynamicRegistration {
            trustedHosts = trustedHosts.stream()
                    .map(host -> host.toLowerCase(Locale.ROOT))
                    .toList();
            issuerHosts = issuerHosts.stream()
                    .map(pair -> pair.toLowerCase(Locale.ROOT))
                    .toList();
        }
    }

    /**
     * How keys of platforms are fetched.
     *
     * @param timeout for a whole fetch (default 4s)
     * @param maxBytes largest key set accepted (default 262144)
     * @param fetchesPerMinute fetches of one platform's keys in a burst, refilled over a minute (default 6)
     * @param lifetime how long keys are fresh when the platform does not say (default 15m)
     * @param maxLifetime longest time keys stay fresh, whatever the platform says (default 24h)
     * @param staleIfError how long old keys serve while the platform's key address fails (default 24h)
     */
    public record Jwks(
            @DefaultValue("4s") @DurationMin(millis = 100) @DurationMax(seconds = 30)
            Duration timeout,

            @DefaultValue("262144") @Min(1024) @Max(4_194_304)
            int maxBytes,

            @DefaultValue("6") @Min(1) @Max(600) int fetchesPerMinute,

            @DefaultValue("15m") @DurationMin(seconds = 1) Duration lifetime,

            @DefaultValue("24h") @DurationMin(seconds = 1) Duration maxLifetime,

            @DefaultValue("24h") @DurationMin(seconds = 0) Duration staleIfError) {}
}
