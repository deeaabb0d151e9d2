package org.lectern.app.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;

/** Holds the rules over the whole product, and shows each of them red over its seeded violation. */
class ArchitectureTest {

    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.lectern");

    private static final Pattern MIGRATION = Pattern.compile("V([0-9]{1,4})__[a-z0-9]+(_[a-z0-9]+)*\\.sql");

    @ParameterizedTest
    @MethodSource("rules")
    void holdsOverTheProduct(String rule) {
        var rules = new HouseRules(
                "org.lectern",
                reasons("may-block-or-detach").keySet(),
                reasons("may-read-the-clock").keySet());
        Objects.requireNonNull(rules.all().get(rule)).check(PRODUCT);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void isRedOverItsSeededViolation(String rule) {
        String root = "violations." + rule;
        JavaClasses seeded = new ClassFileImporter().importPackages(root);
        assertThat(seeded).as("a seeded violation in package %s", root).isNotEmpty();
        var rules = new HouseRules(root, Set.of(), Set.of());
        assertThatThrownBy(() -> Objects.requireNonNull(rules.all().get(rule)).check(seeded))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("was violated");
    }

    /** A logical shard that moves lies on two physical shards for a while: who looks at all of one must say whose rows. */
    @Test
    void workOverAWholeShardKeepsToWhatTheShardOwns() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of(".."))) {
            List<Path> careless = files.filter(file -> file.toString().contains("/src/main/java/"))
                    .filter(file -> file.toString().endsWith(".java")
                            && !file.toString().contains("/org/lectern/db/"))
                    .filter(file -> {
                        String text = text(file);
                        return Pattern.compile("shards\\s*\\.(readOn|writeOn)\\(|[fF]anOut\\.read\\(")
                                        .matcher(text)
                                        .find()
                                && !text.contains("owned_shard")
                                && !text.contains("physicalShardOf");
                    })
                    .toList();
            assertThat(careless)
                    .as("read or write a whole shard without keeping to the view owned_shard")
                    .isEmpty();
        }
    }

    @Test
    void everyExceptionIsOfAClassThatIsThere() {
        for (String list : List.of("may-block-or-detach", "may-read-the-clock")) {
            assertThat(reasons(list)).allSatisfy((name, reason) -> {
                assertThat(PRODUCT.contain(name)).as("%s in %s.txt", name, list).isTrue();
                assertThat(reason).hasSizeGreaterThan(15);
            });
        }
    }

    @Test
    void migrationsAreNamedAndNumberedOnce() throws IOException {
        List<String> files = new ArrayList<>();
        for (var resource :
                new PathMatchingResourcePatternResolver().getResources("classpath*:db/migration/**/*.sql")) {
            String path = resource.getURL().getPath();
            files.add(path.substring(path.indexOf("db/migration/") + "db/migration/".length()));
        }
        assertThat(files).isNotEmpty();
        assertThat(misnamed(files)).isEmpty();
    }

    @Test
    void misnamedMigrationsAreSeen() {
        assertThat(misnamed(List.of("shard/V30__rooms.sql", "shard/V30__again.sql")))
                .containsExactly("shard/V30__again.sql");
        assertThat(misnamed(List.of("shard/V32_rooms.sql", "shard/V31__Rooms.sql", "V40__nowhere.sql")))
                .hasSize(3);
    }

    private static List<String> misnamed(List<String> files) {
        List<String> wrong = new ArrayList<>();
        Set<String> versions = new HashSet<>();
        for (String file : files) {
            int slash = file.indexOf('/');
            var matcher = MIGRATION.matcher(file.substring(slash + 1));
            boolean placed = slash > 0 && Set.of("directory", "shard").contains(file.substring(0, slash));
            if (!placed || !matcher.matches() || !versions.add(file.substring(0, slash) + matcher.group(1))) {
                wrong.add(file);
            }
        }
        return wrong;
    }

    static Stream<String> rules() {
        return new HouseRules("org.lectern", Set.of(), Set.of()).all().keySet().stream();
    }

    /** Lines of "class: reason" in test resources. */
    private static Map<String, String> reasons(String list) {
        try {
            Map<String, String> reasons = new TreeMap<>();
            new ClassPathResource("architecture/" + list + ".txt")
                    .getContentAsString(StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .forEach(line -> {
                        int colon = line.indexOf(": ");
                        assertThat(colon).as(line).isPositive();
                        reasons.put(line.substring(0, colon), line.substring(colon + 2));
                    });
            return reasons;
        } catch (IOException missing) {
            throw new AssertionError("No list " + list, missing);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }
}
