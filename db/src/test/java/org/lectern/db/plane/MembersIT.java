package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.db.shard.ShardFanOut;
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
