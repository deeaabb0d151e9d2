package org.lectern.app.demo;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Component;

/**
 * What the courses of the demo LMS hold beside their people: placed links, columns of the gradebook and scores. In memory,
 * gone with the node; bounded. Thread-safe.
 */
@Component
@ConditionalOnDemo
class DemoContent {

    private static final int COURSES = 1000;
    private static final int THINGS = 200;

    private final Map<String, State> courses = new ConcurrentHashMap<>();
    private final AtomicInteger ids = new AtomicInteger();

    /** Places links in a course, as an answer to a deep linking request asks for; answers how many. */
    int place(String course, List<Map<String, Object>> items) {
        State state = state(course);
        int placed = 0;
        synchronized (state) {
            for (Map<String, Object> item : items) {
                boolean link = "ltiResourceLink".equals(item.get("type")) && item.get("url") instanceof String;
                if (link && state.links.size() < THINGS) {
                    String id = "link-" + ids.incrementAndGet();
                    String title = String.valueOf(item.getOrDefault("title", "Link"));
                    String column =
                            item.get("lineItem") instanceof Map<?, ?> lineItem ? newColumn(state, lineItem, id) : null;
                    state.links.put(id, new Link(id, title, String.valueOf(item.get("url")), column));
                    placed++;
                }
            }
        }
        return placed;
    }

    Optional<Link> link(String course, String id) {
        State state = courses.get(course);
        if (state == null) {
            return Optional.empty();
        }
        synchronized (state) {
            return Optional.ofNullable(state.links.get(id));
        }
    }

    List<Link> links(String course) {
        State state = courses.get(course);
        if (state == null) {
            return List.of();
        }
        synchronized (state) {
            return List.copyOf(state.links.values());
        }
    }

    /** The columns of the gradebook, the oldest first. */
    List<Column> columns(String course) {
        State state = courses.get(course);
        if (state == null) {
            return List.of();
        }
        synchronized (state) {
            return List.copyOf(state.columns.values());
        }
    }

    Optional<Column> column(String course, String id) {
        return columns(course).stream().filter(column -> column.id().equals(id)).findFirst();
    }

    /** Makes a column; empty when the course has too many. */
    Optional<Column> addColumn(String course, Map<?, ?> document) {
        State state = state(course);
        synchronized (state) {
            if (state.columns.size() >= THINGS) {
                return Optional.empty();
            }
            return Optional.ofNullable(state.columns.get(newColumn(state, document, null)));
        }
    }

    /** Changes title and maximum of a column. */
    Optional<Column> changeColumn(String course, String id, Map<?, ?> document) {
        State state = state(course);
        synchronized (state) {
            return Optional.ofNullable(state.columns.computeIfPresent(
                    id,
                    (key, old) -> new Column(
                            id,
                            String.valueOf(document.get("label")),
                            number(document, "scoreMaximum", old.maximum()),
                            old.resourceId(),
                            old.resourceLinkId(),
                            old.scores())));
        }
    }

    void removeColumn(String course, String id) {
        State state = state(course);
        synchronized (state) {
            state.columns.remove(id);
        }
    }

    /** Takes a score, unless a newer one is there. */
    boolean score(Column column, String person, String timestamp, double given, double maximum) {
        double points = maximum > 0 ? given / maximum * column.maximum() : 0;
        var score = new Score(timestamp, Math.round(points * 100) / 100.0);
        if (column.scores().size() >= THINGS && !column.scores().containsKey(person)) {
            return false;
        }
        return score.equals(column.scores()
                .merge(person, score, (old, fresh) -> old.at().compareTo(fresh.at()) > 0 ? old : fresh));
    }

    private State state(String course) {
        if (courses.size() >= COURSES && !courses.containsKey(course)) {
            return new State();
        }
        return courses.computeIfAbsent(course, key -> new State());
    }

    private String newColumn(State state, Map<?, ?> document, @Nullable String link) {
        String id = String.valueOf(ids.incrementAndGet());
        state.columns.put(
                id,
                new Column(
                        id,
                        String.valueOf(document.get("label")),
                        number(document, "scoreMaximum", 100),
                        document.get("resourceId") instanceof String resource ? resource : null,
                        link,
                        new ConcurrentHashMap<>()));
        return id;
    }

    private static double number(Map<?, ?> document, String field, double otherwise) {
        return document.get(field) instanceof Number number && number.doubleValue() > 0
                ? number.doubleValue()
                : otherwise;
    }

    private static final class State {
        private final Map<String, Link> links = new LinkedHashMap<>();
        private final Map<String, Column> columns = new LinkedHashMap<>();
    }

    /**
     * A link that was placed.
     *
     * @param id its id
     * @param title for people
     * @param url where it leads
     * @param column its column of the gradebook, if it is graded
     */
    record Link(
            String id, String title, String url, @Nullable String column) {}

    /**
     * A column of the gradebook.
     *
     * @param id its id
     * @param label its title
     * @param maximum the most points
     * @param resourceId the tool's name of what is graded
     * @param resourceLinkId the link it belongs to, if it does
     * @param scores by person
     */
    record Column(
            String id,
            String label,
            double maximum,
            @Nullable String resourceId,
            @Nullable String resourceLinkId,
            Map<String, Score> scores) {

        /** The points of a person, as text; a dash where there are none. */
        public String of(String person) {
            Score score = scores.get(person);
            return score == null ? "–" : shown(score.points());
        }

        /** The maximum, as text. */
        public String most() {
            return shown(maximum);
        }

        private static String shown(double points) {
            return points == Math.rint(points) ? String.valueOf((long) points) : String.valueOf(points);
        }
    }

    /**
     * A score.
     *
     * @param at its time, as the tool sent it
     * @param points of the column's maximum
     */
    record Score(String at, double points) {}
}
