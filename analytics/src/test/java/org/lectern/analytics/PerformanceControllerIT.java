package org.lectern.analytics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.ResponseEntity;

/** Who may see a course's figures, and which ranges may be asked for. */
class PerformanceControllerIT {

    private static final Instant NOW = Instant.parse("2026-09-14T12:00:00Z");
    private static final AnalyticsSettings SETTINGS = new AnalyticsSettings(
            Duration.ofSeconds(1), 20_000, Duration.ofMinutes(5), 5, Duration.ofDays(400), Duration.ofDays(8));

    private final ContextId course = new ContextId(UUID.randomUUID());
    private PerformanceController controller;

    @BeforeEach
    void start() throws Exception {
        controller = new PerformanceController(
                new PerformanceReader(CourseDatabase.shared(), SETTINGS), SETTINGS, Clock.fixed(NOW, ZoneOffset.UTC));
    }

    @ParameterizedTest
    @EnumSource(
            value = CourseRole.class,
            names = {"INSTRUCTOR", "TA", "ADMINISTRATOR"})
    void staffSeesTheirCourse(CourseRole role) {
        ResponseEntity<Performance> answer = CourseDatabase.await(
                controller.performance(session(role), course.toString(), "2026-09-14T00:00:00Z", null));
        assertThat(answer.getHeaders().getCacheControl()).isEqualTo("no-store");
        assertThat(answer.getBody()).isNotNull().satisfies(figures -> {
            assertThat(figures.to()).isEqualTo(NOW);
            assertThat(figures.bucket()).isEqualTo("hour");
            assertThat(figures.series()).hasSize(12);
            assertThat(figures.activePeople()).isZero();
        });
    }

    @Test
    void studentsDoNotSeeTheCourseButThemselves() {
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> controller.performance(session(CourseRole.STUDENT), course.toString(), null, null))
                .returns(ProblemType.FORBIDDEN, ProblemException::type);
        assertThat(CourseDatabase.await(controller.me(session(CourseRole.STUDENT), null, null))
                        .getBody())
                .isNotNull()
                .returns(course.toString(), Performance.Own::contextId);
    }

    @Test
    void nobodySeesAnotherCourse() {
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> controller.performance(
                        session(CourseRole.INSTRUCTOR), UUID.randomUUID().toString(), null, null))
                .returns(ProblemType.FORBIDDEN, ProblemException::type);
    }

    @Test
    void aPersonWithoutARoleSeesNothing() {
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> controller.performance(session(null), course.toString(), null, null))
                .returns(ProblemType.FORBIDDEN, ProblemException::type);
    }

    @ParameterizedTest
    @CsvSource({
        "2026-09-14T00:00:00Z, 2026-09-14T00:00:00Z",
        "2026-09-15T00:00:00Z, 2026-09-14T00:00:00Z",
        "2025-08-01T00:00:00Z, 2026-09-14T00:00:00Z",
        "yesterday, 2026-09-14T00:00:00Z",
        "2026-09-14, 2026-09-15",
        "-999999999-01-01T00:00:00Z, 2026-09-14T00:00:00Z",
        "2026-09-14T00:00:00Z, +999999999-01-01T00:00:00Z"
    })
    void senselessRangesAreRefused(String from, String to) {
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> controller.performance(session(CourseRole.TA), course.toString(), from, to))
                .returns(ProblemType.INVALID_REQUEST, ProblemException::type);
    }

    @ParameterizedTest
    @CsvSource({"x", "''", "1;drop table activity"})
    void aContextThatIsNoUuidIsRefused(String context) {
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> controller.performance(session(CourseRole.TA), context, null, null))
                .returns(ProblemType.INVALID_REQUEST, ProblemException::type);
    }

    private LaunchSession session(@Nullable CourseRole role) {
        return new LaunchSession(
                UUID.randomUUID(),
                UUID.randomUUID(),
                "A. Person",
                course,
                "Course",
                role == null ? Set.of() : Set.of(role),
                false,
                NOW.plusSeconds(3600));
    }
}
