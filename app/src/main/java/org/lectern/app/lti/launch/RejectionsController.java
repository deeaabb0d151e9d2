package org.lectern.app.lti.launch;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Shows operators which rules launches broke lately. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class RejectionsController {

    private final Rejections rejections;

    RejectionsController(Rejections rejections) {
        this.rejections = rejections;
    }

    /** Launches that were rejected lately on any node, each with the rule that failed; newest first. */
    @GetMapping("/api/ops/lti/rejections")
    Mono<RecentRejections> recent() {
        return rejections.recent().map(found -> new RecentRejections(found, null));
    }

    /**
     * The list.
     *
     * @param items newest first, at most two hundred
     * @param next always null: there is nothing older
     */
    record RecentRejections(
            List<Rejections.Rejection> items, @Nullable String next) {}
}
