package org.lectern.app.sql;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.app.sql.SourceStatements.Statement;

/**
 * Every statement of the product has an index for what it looks up, and those of the previous version run on this
 * version's schema: while nodes are replaced one by one, the old ones go on after the migration (expand, then contract).
 *
 * <p>After a release the previous version's statements are written anew: {@code -Dstatements=write}.
 */
class StatementsIT {

    private static final Path LISTS = Path.of("src/test/resources/sql");
    private static final Path PREVIOUS = LISTS.resolve("previous.sql");
    private static final List<String> MODULES = List.of("db", "infra", "chat-room", "video-worker", "analytics", "app");
    private static final String END = "\n;\n";

    @TempDir
    static Path folder;

    private static SourceStatements product;
    private static Schema schema;

    @BeforeAll
    static void readAndMigrate() throws IOException, SQLException {
        Map<String, String> sources = new TreeMap<>();
        for (String module : MODULES) {
            Path root = Path.of("..", module, "src/main/java");
            try (Stream<Path> files = Files.walk(root)) {
                for (Path file : files.filter(file -> file.toString().endsWith(".java"))
                        // Starts servers; it knows no table.
                        .filter(file -> !file.toString().contains("/org/lectern/db/embedded/"))
                        .toList()) {
                    sources.put(module + "/" + root.relativize(file), Files.readString(file));
                }
            }
        }
        product = new SourceStatements(sources);
        schema = Schema.migrated(folder);
        if ("write".equals(System.getProperty("statements"))) {
            Files.writeString(
                    PREVIOUS,
                    product.statements().stream()
                            .map(statement -> "-- " + statement.place() + "\n" + statement.text())
                            .collect(Collectors.joining(END, "", END)));
        }
    }

    @AfterAll
    static void stop() throws SQLException {
        schema.close();
    }

    @Test
    void everyStatementIsSeen() {
        assertThat(product.statements()).hasSizeGreaterThan(250);
        assertThat(product.unseen().entrySet().stream()
                        .map(place -> place.getKey() + " " + place.getValue().size()))
                .as("SQL whose text the sources do not say, and how often in each place: %s", product.unseen())
                .containsExactlyInAnyOrderElementsOf(list("composed").keySet());
    }

    @Test
    void anIndexServesEveryStatement() {
        Set<String> small = list("small").keySet();
        Set<String> sorted = new TreeSet<>();
        Map<String, List<String>> wrong = new TreeMap<>();
        for (Statement statement : product.statements()) {
            List<String> problems = new ArrayList<>(schema.withoutIndex(statement.text(), small));
            if (list("sorted").containsKey(statement.place())
                    && problems.removeIf(problem -> problem.startsWith(Schema.SORTS))) {
                sorted.add(statement.place());
            }
            if (!problems.isEmpty()) {
                problems.add(statement.text());
                wrong.put(statement.place(), problems);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(sorted)
                .as("what may sort")
                .isEqualTo(new TreeSet<>(list("sorted").keySet()));
    }

    @Test
    void pagesGoByKeyNeverByOffset() {
        assertThat(product.statements()).noneMatch(statement -> statement.text().matches("(?is).*\\boffset\\b.*"));
    }

    @Test
    void anIndexServesEveryForeignKey() throws SQLException {
        assertThat(schema.foreignKeysWithoutIndex()).isEmpty();
    }

    @Test
    void aStatementWithoutAnIndexIsRefused() {
        assertThat(problems("select seq from chat_entry where text = :text"))
                .containsExactly("reads the whole table chat_entry");
        assertThat(problems("select user_id from member order by context_id, user_id"))
                .containsExactly("reads the whole index member_pkey");
        assertThat(problems("select seq from chat_read where user_id = :user"))
                .containsExactly("reads the whole index chat_read_pkey");
        assertThat(problems("update video set title = :title where filename = :name"))
                .containsExactly("reads the whole table video");
        assertThat(problems("select id from video where context_id = :context order by title limit :limit"))
                .singleElement()
                .asString()
                .startsWith(Schema.SORTS);
        assertThat(problems("select nothing from nowhere"))
                .singleElement()
                .asString()
                .contains("does not exist");
        // What may be read so: by key, the first of an order, few rows.
        assertThat(problems("select title from video where context_id = :context and id = any(:ids)"))
                .isEmpty();
        assertThat(problems(
                        "select id from video where context_id = :context and id < :before order by id desc limit 9"))
                .isEmpty();
        assertThat(problems("select context_id from member order by context_id, user_id limit :limit"))
                .isEmpty();
    }

    @Test
    void aStatementThatCannotBeReadIsNamed() throws IOException {
        SourceStatements seen = new SourceStatements(Map.of("Some.java", """
                class Some {
                    static final String COLUMNS = "id, title";
                    void plain(Client client, boolean newest) {
                        client.sql("select " + COLUMNS + " from video" + (newest ? " order by id desc" : ""));
                        in("delete from video where id = :id");
                    }
                    private void in(String text) { client.sql(text); }
                    void hidden(Client client) {
                        client.sql(new StringBuilder("select title").append(" from video").toString());
                    }
                    void elsewhere(Client client) { client.run("update video set title = null"); }
                    void twice(Client client, String column) {
                        client.sql("delete from video where " + column.strip() + " = 1");
                        client.sql("delete from member where " + column.strip() + " = 1");
                    }
                    void copied(Client client) { client.pump("copy (select title from video) to stdout"); }
                }
                """));
        assertThat(seen.statements().stream().map(Statement::text))
                .containsExactlyInAnyOrder(
                        "delete from video where id = :id",
                        "select id, title from video",
                        "select id, title from video order by id desc");
        assertThat(seen.unseen())
                .containsOnlyKeys("Some#hidden", "Some#elsewhere", "Some#twice", "Some#copied")
                .hasEntrySatisfying("Some#twice", texts -> assertThat(texts).hasSize(2));
    }

    @Test
    void thePreviousVersionRunsOnThisSchema() throws IOException {
        assertThat(previous()).hasSizeGreaterThan(250);
        assertThat(broken()).isEmpty();
    }

    @Test
    void aSchemaThatBreaksThePreviousVersionIsRefused() throws SQLException {
        schema.changed(
                true,
                "alter table video rename column title to name",
                () -> assertThat(broken())
                        .isNotEmpty()
                        .allSatisfy((statement, problems) ->
                                assertThat(problems).singleElement().asString().contains("title")));
        schema.changed(
                true,
                "alter table chat_reaction add column tone text not null",
                () -> assertThat(broken())
                        .isNotEmpty()
                        .allSatisfy((statement, problems) -> assertThat(problems)
                                .containsExactly("column chat_reaction.tone needs a value that it does not give")));
        schema.changed(
                false,
                "drop table lti_notice cascade",
                () -> assertThat(broken()).isNotEmpty());
        assertThat(broken()).isEmpty();
    }

    private static List<String> problems(String statement) {
        return schema.withoutIndex(statement, list("small").keySet());
    }

    private static Map<String, List<String>> broken() {
        Map<String, List<String>> broken = new LinkedHashMap<>();
        for (String statement : previous()) {
            List<String> problems = schema.broken(statement);
            if (!problems.isEmpty()) {
                broken.put(statement, problems);
            }
        }
        return broken;
    }

    private static List<String> previous() {
        return Stream.of(read(PREVIOUS).split(END))
                .map(statement -> statement.substring(statement.indexOf('\n') + 1))
                .toList();
    }

    /** Lines of "name: reason". */
    private static Map<String, String> list(String name) {
        Map<String, String> reasons = new TreeMap<>();
        read(LISTS.resolve(name + ".txt"))
                .lines()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .forEach(line -> {
                    int colon = line.indexOf(": ");
                    assertThat(colon).as(line).isPositive();
                    assertThat(line.length() - colon).as(line).isGreaterThan(8);
                    reasons.put(line.substring(0, colon), line.substring(colon + 2));
                });
        return reasons;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
