package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;

/** A room is for the people of its course; a page elsewhere opens no socket. */
class ChatAccessTest {

    private static final ContextId COURSE = new ContextId(UUID.fromString("0197a3b4-0000-7000-8000-00000000000a"));
    private static final ContextId OTHER = new ContextId(UUID.fromString("0197a3b4-0000-7000-8000-00000000000b"));

    @Test
    void anotherCourseIsRefusedWhateverTheRole() {
        for (CourseRole role : CourseRole.values()) {
            LaunchSession session = new LaunchSession(
                    UUID.randomUUID(), UUID.randomUUID(), "Ada", COURSE, null, Set.of(role), true, Instant.MAX);
            assertThat(ChatAccess.enter(session, COURSE).name()).isEqualTo("Ada");
            assertThatExceptionOfType(ProblemException.class)
                    .isThrownBy(() -> ChatAccess.enter(session, OTHER))
                    .satisfies(problem -> assertThat(problem.type()).isEqualTo(ProblemType.FORBIDDEN));
        }
    }

    @Test
    void originsAreTheServersOwnOrNamedOnes() {
        List<String> named = List.of("https://lms.example");
        assertThat(ChatAccess.originPermitted("https://lectern.example", "https://lectern.example", named))
                .isTrue();
        assertThat(ChatAccess.originPermitted("https://lms.example", "https://lectern.example", named))
                .isTrue();
        assertThat(ChatAccess.originPermitted(null, "https://lectern.example", named))
                .isTrue();
        assertThat(ChatAccess.originPermitted("https://lectern.example.evil", "https://lectern.example", named))
                .isFalse();
        assertThat(ChatAccess.originPermitted("http://lectern.example", "https://lectern.example", named))
                .isFalse();
        assertThat(ChatAccess.originPermitted("null", "https://lectern.example", named))
                .isFalse();
    }
}
