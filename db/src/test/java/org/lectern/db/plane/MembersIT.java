package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.db.shard.ShardFanOut;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** People of courses: one, many, pages; upserts in any order of arrival; and all shards asked at once. */
class MembersIT {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Instant NOON = Instant.parse("2026-11-21T12:00:00Z");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster cluster;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Members members;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(0));
        node = TestNode.on(cluster, Map.of());
        members = node.bean(Members.class);
    }

    @AfterAll
    static void stop() {
        node.close();
        cluster.close();
    }

    @Test
    void readsBackWhatWasWritten() {
        ContextId context = new ContextId(UUID.randomUUID());
        Member ada = member(context, UUID.randomUUID(), "Ada", "ada@example.org", "A", NOON);
        write(ada);
        assertThat(find(ada)).isEqualTo(ada);
        assertThat(members.find(context, UUID.randomUUID(), Freshness.PRIMARY).block(PATIENCE))
                .isNull();
        assertThat(members.find(new ContextId(UUID.randomUUID()), ada.userId(), Freshness.PRIMARY)
                        .block(PATIENCE))
                .isNull();
    }

    @Test
    void laterNewsWinAndUnknownsStay() {
        ContextId context = new ContextId(UUID.randomUUID());
        UUID user = UUID.randomUUID();
        write(member(context, user, "Ada", "ada@example.org", null, NOON));
        write(new Member(
                context, user, null, null, Set.of("instructor"), "B", NOON.plusSeconds(9), NOON.plusSeconds(9)));
        // An older roster arrives late.
        write(new Member(
                context,
                user,
                "Ada Old",
                "old@example.org",
                Set.of("ta"),
                "C",
                NOON.minusSeconds(9),
                NOON.minusSeconds(9)));
        assertThat(find(member(context, user, null, null, null, NOON)))
                .isEqualTo(new Member(
                        context,
                        user,
                        "Ada",
                        "ada@example.org",
                        Set.of("instructor"),
                        "B",
                        NOON.minusSeconds(9),
                        NOON.plusSeconds(9)));
    }

    @Test
    void aThousandAtOnceAndInPages() {
        ContextId context = new ContextId(UUID.randomUUID());
        List<Member> many = IntStream.range(0, Members.MAX_BATCH)
                .mapToObj(number -> member(context, UUID.randomUUID(), "N" + number, null, null, NOON))
                .sorted(Comparator.comparing(member -> member.userId().toString()))
                .toList();
        node.shards()
                .write(context, transaction -> members.upsertAll(transaction, many))
                .block(PATIENCE);
        assertThat(members.findAll(context, many.stream().map(Member::userId).toList(), Freshness.PRIMARY)
                        .collectList()
                        .block(PATIENCE))
                .containsExactlyInAnyOrderElementsOf(many);
        List<Member> first = members.list(context, null, 600, Freshness.PRIMARY)
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        List<Member> second = members.list(context, first.getLast().userId(), 600, Freshness.PRIMARY)
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(first).hasSize(600).isEqualTo(many.subList(0, 600));
        assertThat(second).isEqualTo(many.subList(600, 1000));
    }

    /** Whatever the size of the pages, by key they are what they would be by offset. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7, 50, 119, 120, 121})
    void pagesByKeyArePagesByOffset(int size) {
        ContextId context = new ContextId(UUID.randomUUID());
        List<Member> people = IntStream.range(0, 120)
                .mapToObj(number -> member(context, UUID.randomUUID(), "N" + number, null, null, NOON))
                .toList();
        node.shards()
                .write(context, transaction -> members.upsertAll(transaction, people))
                .block(PATIENCE);
        List<List<UUID>> byKey = new ArrayList<>();
        UUID after = null;
        do {
            List<UUID> page = members.list(context, after, size, Freshness.PRIMARY)
                    .map(Member::userId)
                    .collectList()
                    .blockOptional(PATIENCE)
                    .orElseThrow();
            after = page.isEmpty() ? null : page.getLast();
            byKey.add(page);
        } while (after != null);
        List<List<UUID>> byOffset = Flux.range(0, byKey.size())
                .concatMap(page -> node.shards()
                        .read(
                                context,
                                Freshness.PRIMARY,
                                sql -> sql.sql("select user_id from member where context_id = :context"
                                                + " order by user_id limit :limit offset :offset")
                                        .bind("context", context.value())
                                        .bind("limit", size)
                                        .bind("offset", page * size)
                                        .mapValue(UUID.class)
                                        .all())
                        .collectList())
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(byKey).isEqualTo(byOffset);
        assertThat(byKey.stream().mapToInt(List::size).sum()).isEqualTo(people.size());
    }

    @Test
    void rowsBeyondOneStatementAreWrittenInParts() {
        List<Long> numbers = LongStream.range(0, 25).boxed().toList();
        List<Integer> parts = new ArrayList<>();
        ContextId context = new ContextId(UUID.randomUUID());
        Long changed = node.shards()
                .write(
                        context,
                        transaction -> Batch.inParts(numbers, 10, part -> {
                            parts.add(part.size());
                            return part.column("users", UUID.class, number -> new UUID(1, number))
                                    // Null is a value like others.
                                    .column("names", String.class, number -> number % 2 == 0 ? null : "N" + number)
                                    .bindTo(transaction
                                            .sql()
                                            .sql("insert into member (context_id, logical_shard, user_id, name, roles,"
                                                    + " first_seen, last_seen)"
                                                    + " select :context, :logical, user_id, name, array['student'], now(), now()"
                                                    + " from unnest(:users, :names) as given (user_id, name)"))
                                    .bind("context", context.value())
                                    .bind("logical", (short) transaction.logicalShard())
                                    .fetch()
                                    .rowsUpdated();
                        }))
                .block(PATIENCE);
        assertThat(changed).isEqualTo(25);
        assertThat(parts).containsExactly(10, 10, 5);
        assertThat(members.list(context, null, 100, Freshness.PRIMARY)
                        .map(member -> Objects.requireNonNullElse(member.name(), "nobody"))
                        .collectList()
                        .block(PATIENCE))
                .hasSize(25)
                .startsWith("nobody", "N1", "nobody", "N3");
        assertThatIllegalArgumentException().isThrownBy(() -> Batch.of(Collections.nCopies(Batch.MAX_ROWS + 1, "one")));
    }

    @Test
    void allShardsAnswerMergedInOrderAndALateOneIsSaidToBeMissing() {
        for (int number = 0; number < 40; number++) {
            write(member(
                    new ContextId(UUID.randomUUID()),
                    UUID.randomUUID(),
                    "fan-%02d".formatted(number),
                    null,
                    null,
                    NOON));
        }
        ShardFanOut fanOut = node.bean(ShardFanOut.class);
        var whole = fanOut.<String>read(
                        Freshness.PRIMARY,
                        Comparator.naturalOrder(),
                        30,
                        PATIENCE,
                        (shard, sql) -> sql.sql(
                                        "select name from member where name like 'fan-%' order by name limit 30")
                                .mapValue(String.class)
                                .all())
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(whole.complete()).isTrue();
        assertThat(whole.items())
                .isEqualTo(
                        IntStream.range(0, 30).mapToObj("fan-%02d"::formatted).toList());
        var partial = fanOut.<String>read(
                        Freshness.PRIMARY,
                        Comparator.naturalOrder(),
                        200,
                        Duration.ofSeconds(1),
                        (shard, sql) -> shard.value() == 2
                                ? Mono.never()
                                : sql.sql("select name from member where name like 'fan-%'")
                                        .mapValue(String.class)
                                        .all())
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(partial.missing()).extracting(Object::toString).containsExactly("shard-2");
        assertThat(partial.items()).isSorted().hasSizeBetween(1, 39);
    }

    private static void write(Member member) {
        node.shards()
                .write(member.context(), transaction -> members.upsert(transaction, member))
                .block(PATIENCE);
    }

    private static @Nullable Member find(Member member) {
        return members.find(member.context(), member.userId(), Freshness.PRIMARY)
                .block(PATIENCE);
    }

    private static Member member(
            ContextId context,
            UUID user,
            @Nullable String name,
            @Nullable String email,
            @Nullable String section,
            Instant at) {
        return new Member(context, user, name, email, Set.of("student"), section, at, at);
    }
}
