package org.lectern.app.lti.service.grade;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.net.URI;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;

/** A person's scores in a course, as they stand behind the gradebook. */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class PersonScores {

    private final Gradebook gradebook;

    PersonScores(Gradebook gradebook) {
        this.gradebook = gradebook;
    }

    /**
     * The scores of a person.
     *
     * @param lineItem only those of this column of the platform's, or null for all
     */
    public Flux<Line> of(ContextId context, UUID person, @Nullable URI lineItem) {
        return gradebook
                .columns(context, Freshness.SESSION)
                .filter(column -> lineItem == null || column.url().equals(lineItem))
                .concatMap(column -> gradebook
                        .score(context, column.resource().key(), person)
                        .map(score -> new Line(
                                column.resource().key(),
                                column.label(),
                                score.score(),
                                score.maximum(),
                                score.activityProgress(),
                                score.at())));
    }

    /**
     * A score.
     *
     * @param resource for what: {@code participation}, or {@code video:} and a video's id
     * @param label the column's title, where known
     * @param score how much
     * @param maximum out of how much
     * @param activityProgress how far the person is, in AGS' words
     * @param at when
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    public record Line(
            String resource,
            @Nullable String label,
            @Nullable Double score,
            double maximum,
            String activityProgress,
            Instant at) {}
}
