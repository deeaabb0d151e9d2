package org.lectern.app.lti.service.grade;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.http.ServiceHttp;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpMethod;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Line items, scores and results over the wire (AGS 2.0, sections 3.2 to 3.4). A line item's address may carry a query:
 * {@code /scores} and {@code /results} go into its path.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class LineItems {

    private static final String SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/";
    private static final String ITEM_SCOPE = SCOPE + "lineitem";
    private static final String ITEM_READ_SCOPE = SCOPE + "lineitem.readonly";
    private static final String SCORE_SCOPE = SCOPE + "score";
    private static final String RESULT_SCOPE = SCOPE + "result.readonly";
    private static final String ITEM = "application/vnd.ims.lis.v2.lineitem+json";
    private static final String ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json";
    private static final String SCORE = "application/vnd.ims.lis.v1.score+json";
    private static final String RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json";
    private static final String TAG = "lectern";

    private final ServiceCalls calls;
    private final JsonMapper json;

    LineItems(ServiceCalls calls, JsonMapper json) {
        this.calls = calls;
        this.json = json;
    }

    /** The line items of a resource, over all pages; normally none or one. */
    Flux<Item> find(Endpoint endpoint, GradedResource resource) {
        Set<String> scopes = endpoint.scopes().contains(ITEM_READ_SCOPE) ? Set.of(ITEM_READ_SCOPE) : Set.of(ITEM_SCOPE);
        URI address = PlatformRequest.address(endpoint.url(), Map.of("resource_id", resource.key()));
        return permitted(endpoint, scopes)
                .thenMany(
                        calls.pages(endpoint.registration(), scopes, PlatformRequest.get("line-items", address, ITEMS))
                                .flatMapMany(pages -> ServiceCalls.elements(pages, "")))
                .map(node -> item(endpoint, node))
                // Not every platform filters.
                .filter(item ->
                        resource.key().equals(item.document().path("resourceId").asString("")));
    }

    /** Makes a line item. */
    Mono<Item> create(Endpoint endpoint, GradedResource resource, String label, double maximum) {
        ObjectNode body = json.createObjectNode();
        body.put("label", label);
        body.put("scoreMaximum", maximum);
        body.put("resourceId", resource.key());
        body.put("tag", TAG);
        // Twice would be two columns: it is sent again only when the platform said that it did nothing.
        return permitted(endpoint, Set.of(ITEM_SCOPE))
                .then(calls.json(
                        endpoint.registration(),
                        Set.of(ITEM_SCOPE),
                        new PlatformRequest(
                                "line-items", HttpMethod.POST, endpoint.url(), ITEM, ITEM, body.toString(), false)))
                .map(node -> item(endpoint, node));
    }

    /** Changes label and maximum of a line item, and leaves everything else as the platform has it. */
    Mono<Item> update(Endpoint endpoint, Item item, String label, double maximum) {
        if (!(item.document() instanceof ObjectNode known)) {
            return Mono.error(new PlatformFailureException(Kind.UNUSABLE, "a line item of the platform is no object"));
        }
        ObjectNode body = known.deepCopy();
        body.put("label", label);
        body.put("scoreMaximum", maximum);
        return permitted(endpoint, Set.of(ITEM_SCOPE))
                .then(calls.json(
                        endpoint.registration(),
                        Set.of(ITEM_SCOPE),
                        new PlatformRequest(
                                "line-items", HttpMethod.PUT, item.url(), ITEM, ITEM, body.toString(), true)))
                .map(node -> item(endpoint, node));
    }

    /** Removes a line item and its scores from the platform; one that is not there any more is removed. */
    Mono<Void> delete(Endpoint endpoint, URI item) {
        return permitted(endpoint, Set.of(ITEM_SCOPE))
                .then(calls.call(
                        endpoint.registration(),
                        Set.of(ITEM_SCOPE),
                        new PlatformRequest("line-items", HttpMethod.DELETE, item, "*/*", null, null, true)))
                .onErrorResume(
                        PlatformFailureException.class,
                        failure -> failure.status() == 404 ? Mono.empty() : Mono.error(failure))
                .then();
    }

    /** Sends a score. Twice is harmless: its time tells that it is the same. */
    Mono<Void> send(Endpoint endpoint, URI item, String subject, Score score) {
        ObjectNode body = json.createObjectNode();
        body.put("userId", subject);
        body.put("timestamp", score.at().toString());
        body.put("activityProgress", score.activityProgress());
        body.put("gradingProgress", score.gradingProgress());
        Double given = score.score();
        if (given != null) {
            body.put("scoreGiven", given);
            body.put("scoreMaximum", score.maximum());
        }
        if (score.comment() != null) {
            body.put("comment", score.comment());
        }
        return permitted(endpoint, Set.of(SCORE_SCOPE))
                .then(calls.call(
                        endpoint.registration(),
                        Set.of(SCORE_SCOPE),
                        new PlatformRequest(
                                "scores",
                                HttpMethod.POST,
                                PlatformRequest.address(item, "scores"),
                                "*/*",
                                SCORE,
                                body.toString(),
                                true)))
                .then();
    }

    /** The platform's results for a line item, over all pages. */
    Mono<List<JsonNode>> results(Endpoint endpoint, URI item) {
        return permitted(endpoint, Set.of(RESULT_SCOPE))
                .then(calls.pages(
                        endpoint.registration(),
                        Set.of(RESULT_SCOPE),
                        PlatformRequest.get("results", PlatformRequest.address(item, "results"), RESULTS)))
                .flatMap(pages -> ServiceCalls.elements(pages, "").collectList());
    }

    private static Mono<Void> permitted(Endpoint endpoint, Set<String> scopes) {
        return endpoint.scopes().containsAll(scopes)
                ? Mono.empty()
                : Mono.error(new PlatformFailureException(
                        Kind.NOT_OFFERED, "the platform does not permit " + String.join(" ", scopes)));
    }

    private static Item item(Endpoint endpoint, JsonNode node) {
        try {
            URI url = endpoint.url().resolve(node.path("id").asString(""));
            if (!node.path("id").asString("").isEmpty() && ServiceHttp.sameOrigin(endpoint.url(), url)) {
                return new Item(url, node);
            }
        } catch (IllegalArgumentException malformed) {
            throw new PlatformFailureException(Kind.UNUSABLE, "a line item's id is no address");
        }
        throw new PlatformFailureException(Kind.UNUSABLE, "a line item has no id, or one on another server");
    }

    /**
     * A line item.
     *
     * @param url its address
     * @param document all of it, as the platform has it
     */
    record Item(URI url, JsonNode document) {}
}
