package org.lectern.app.lti.service.group;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.db.ContextId;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;

/** Reads the groups and group sets of a course from its platform (LTI Course Groups Service 1.0, 3.2). */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class Groups {

    private static final Set<String> SCOPES =
            Set.of("https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly");
    private static final int TEXT_LIMIT = 200;

    private final Endpoints endpoints;
    private final ServiceCalls calls;

    Groups(Endpoints endpoints, ServiceCalls calls) {
        this.endpoints = endpoints;
        this.calls = calls;
    }

    /**
     * The groups of a course, over all pages; empty when the platform offers no groups here. Errors with
     * {@link PlatformFailureException} when it does and they cannot be read.
     */
    public Mono<List<Group>> groups(ContextId context) {
        return endpoints
                .find(context, ServiceKind.GROUPS)
                .flatMap(endpoint -> list(
                                endpoint, "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json", "groups")
                        .map(nodes -> nodes.stream()
                                .map(node -> new Group(
                                        text(node, "id"),
                                        text(node, "name"),
                                        optional(node, "tag"),
                                        optional(node, "set_id")))
                                .toList()));
    }

    /** The sets of groups of a course, over all pages; empty when the platform offers none here. */
    public Mono<List<GroupSet>> sets(ContextId context) {
        return endpoints
                .find(context, ServiceKind.GROUP_SETS)
                .flatMap(endpoint -> list(
                                endpoint, "application/vnd.ims.lti-gs.v1.contextgroupsetcontainer+json", "sets")
                        .map(nodes -> nodes.stream()
                                .map(node -> new GroupSet(text(node, "id"), text(node, "name")))
                                .toList()));
    }

    private Mono<List<JsonNode>> list(Endpoint endpoint, String type, String field) {
        return calls.pages(endpoint.registration(), SCOPES, PlatformRequest.get("groups", endpoint.url(), type))
                .flatMap(pages -> ServiceCalls.elements(pages, field).collectList());
    }

    private static String text(JsonNode node, String field) {
        String text = optional(node, field);
        if (text == null) {
            throw new PlatformFailureException(
                    PlatformFailureException.Kind.UNUSABLE, "a group of the platform has no " + field);
        }
        return text;
    }

    /** Ids are text or numbers. */
    private static @Nullable String optional(JsonNode node, String field) {
        String text = node.path(field).asString("").strip();
        return text.isEmpty() ? null : text.substring(0, Math.min(text.length(), TEXT_LIMIT));
    }

    /**
     * A group.
     *
     * @param id the platform's id
     * @param name for people
     * @param tag what the platform calls its purpose, where it says so
     * @param setId the set it belongs to, where it does
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    public record Group(
            String id,
            String name,
            @Nullable String tag,
            @Nullable String setId) {}

    /**
     * A set of groups.
     *
     * @param id the platform's id
     * @param name for people
     */
    public record GroupSet(String id, String name) {}
}
