package org.lectern.app.lti.service.deeplink;

import com.nimbusds.jwt.JWTClaimsSet;
import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.service.access.ServiceAccess;
import org.lectern.app.session.LaunchTarget;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.CacheControl;
import org.springframework.http.ResponseEntity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.util.IdGenerator;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Answers a platform's request for content. Staff only, in the session that the request opened. */
@RestController
@RequestMapping("/api/lti/deep-link")
@ConditionalOnRole(NodeRole.WEB)
class DeepLinkController {

    private static final String DL = "https://purl.imsglobal.org/spec/lti-dl/claim/";
    private static final String LTI = "https://purl.imsglobal.org/spec/lti/claim/";
    private static final Duration LIFETIME = Duration.ofMinutes(5);

    private final DeepLinks links;
    private final ToolKeys keys;
    private final IdGenerator ids;
    private final Clock clock;

    DeepLinkController(DeepLinks links, ToolKeys keys, IdGenerator ids, Clock clock) {
        this.links = links;
        this.keys = keys;
        this.ids = ids;
        this.clock = clock;
    }

    /** What the platform asks for. */
    @GetMapping
    Mono<ResponseEntity<Wanted>> wanted(@AuthenticationPrincipal LaunchSession session) {
        return request(session)
                .map(request -> unstored(new Wanted(
                        request.registration().name(),
                        request.acceptsLinks(),
                        request.multiple(),
                        request.lineItems(),
                        request.targets())));
    }

    /** Signs the answer, which the browser then posts to the platform; an empty list says that nothing was picked. */
    @PostMapping
    Mono<ResponseEntity<Signed>> answer(
            @AuthenticationPrincipal LaunchSession session, @Valid @RequestBody Choice choice) {
        return request(session).map(request -> {
            if (choice.items().size() > 1 && !request.multiple()) {
                throw new ProblemException(ProblemType.UNPROCESSABLE, "The platform takes one item at a time");
            }
            if (!choice.items().isEmpty() && !request.acceptsLinks()) {
                throw new ProblemException(ProblemType.UNPROCESSABLE, "The platform takes no links here");
            }
            return unstored(new Signed(request.returnUrl(), keys.sign(claims(request, choice))));
        });
    }

    private Mono<DeepLinkRequest> request(LaunchSession session) {
        ServiceAccess.requireStaff(session, "place content in the course");
        return links.of(session)
                .switchIfEmpty(
                        Mono.error(
                                () -> new ProblemException(
                                        ProblemType.NOT_FOUND,
                                        "This session was not opened to place content; begin again in the learning management system")));
    }

    private JWTClaimsSet claims(DeepLinkRequest request, Choice choice) {
        Instant now = clock.instant();
        var claims = new JWTClaimsSet.Builder()
                .issuer(request.registration().clientId())
                .audience(request.registration().issuer())
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(LIFETIME)))
                .jwtID(ids.generateId().toString())
                .claim("nonce", ids.generateId().toString())
                .claim("azp", request.registration().issuer())
                .claim(LTI + "message_type", "LtiDeepLinkingResponse")
                .claim(LTI + "version", "1.3.0")
                .claim(LTI + "deployment_id", request.deploymentId())
                .claim(
                        DL + "content_items",
                        choice.items().stream().map(item -> link(request, item)).toList());
        if (request.data() != null) {
            claims.claim(DL + "data", request.data());
        }
        if (choice.items().isEmpty()) {
            claims.claim(DL + "msg", "Nothing was placed");
        }
        return claims.build();
    }

    private static Map<String, Object> link(DeepLinkRequest request, Item item) {
        LaunchTarget target = LaunchTarget.of(item.target())
                .filter(one -> one == LaunchTarget.CHAT || one == LaunchTarget.VIDEO || one == LaunchTarget.DASHBOARD)
                .orElseThrow(
                        () -> new ProblemException(ProblemType.INVALID_REQUEST, "target is chat, video or dashboard"));
        UUID video = target == LaunchTarget.VIDEO ? item.item() : null;
        Map<String, Object> link = new LinkedHashMap<>();
        link.put("type", DeepLinkRequest.LINK);
        link.put("title", item.title());
        if (item.text() != null) {
            link.put("text", item.text());
        }
        link.put(
                "url",
                request.origin() + "/lti/launch?target=" + target.key() + (video == null ? "" : "&item=" + video));
        Map<String, String> custom = new LinkedHashMap<>();
        custom.put("target", target.key());
        if (video != null) {
            custom.put("item", video.toString());
        }
        link.put("custom", custom);
        Double points = item.points();
        if (points != null && request.lineItems() && target != LaunchTarget.DASHBOARD) {
            link.put(
                    "lineItem",
                    Map.of(
                            "label",
                            item.title(),
                            "scoreMaximum",
                            points,
                            "resourceId",
                            video == null ? "participation" : "video:" + video,
                            "tag",
                            "lectern"));
        }
        if (request.targets().contains("iframe")) {
            link.put("iframe", Map.of("width", 900, "height", 700));
        } else if (request.targets().contains("window")) {
            link.put("window", Map.of("targetName", "lectern"));
        }
        return link;
    }

    private static <T> ResponseEntity<T> unstored(T body) {
        return ResponseEntity.ok().cacheControl(CacheControl.noStore()).body(body);
    }

    /**
     * What the platform asks for.
     *
     * @param platform its name
     * @param links whether it takes links; else nothing of Lectern's can be placed
     * @param multiple whether it takes several at once
     * @param grades whether it takes a column of the gradebook with them
     * @param presentation how it shows them: iframe, window or embed
     */
    record Wanted(String platform, boolean links, boolean multiple, boolean grades, List<String> presentation) {}

    /**
     * What was picked.
     *
     * @param items what to place, at most 50
     */
    record Choice(@NotNull @Size(max = 50) List<@NotNull @Valid Item> items) {

        /** Copies the list. */
        Choice {
            items = items == null ? List.of() : List.copyOf(items);
        }
    }

    /**
     * Something to place.
     *
     * @param target chat, video or dashboard
     * @param item a video's id, for one video; nothing for all of them
     * @param title the link's title
     * @param text a line about it
     * @param points the most points, where it is to be graded
     */
    record Item(
            @NotBlank String target,
            @Nullable UUID item,
            @NotBlank @Size(max = 200) String title,
            @Nullable @Size(max = 500) String text,

            @Nullable @DecimalMin("0.01") @DecimalMax("1000000")
            Double points) {}

    /**
     * The signed answer.
     *
     * @param returnUrl where the browser posts it to
     * @param jwt the field {@code JWT} of that form
     */
    record Signed(URI returnUrl, String jwt) {

        /** Leaves the token out. */
        @Override
        public String toString() {
            return "Signed[returnUrl=" + returnUrl.getHost() + "]";
        }
    }
}
