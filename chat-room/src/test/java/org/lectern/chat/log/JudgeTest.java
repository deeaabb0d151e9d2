package org.lectern.chat.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.ErrorCode;
import org.lectern.chat.protocol.Person;

/** The room's law, without a database. */
class JudgeTest {

    private static final Instant NOW = Instant.parse("2026-11-21T10:00:00Z");
    private static final Person ADA = new Person(new UUID(0, 1), "Ada");
    private static final Person EVE = new Person(new UUID(0, 2), "Eve");
    private static final Person TEACHER = new Person(new UUID(0, 3), "Teacher");
    private static final Person ASSISTANT = new Person(new UUID(0, 4), "Assistant");

    private RoomRules rules = RoomRules.OPEN;
    private Map<Judge.Sanctioned, Instant> sanctions = Map.of();
    private int pins;

    @Test
    void studentsEditAndDeleteTheirOwnOnly() {
        assertThat(student(ADA, new Deed.Edit(7, "better"))).isNull();
        assertThat(student(EVE, new Deed.Edit(7, "better"))).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(student(ADA, new Deed.Delete(7, null))).isNull();
        assertThat(student(EVE, new Deed.Delete(7, null))).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(student(ADA, new Deed.Edit(99, "what"))).isEqualTo(ErrorCode.NOT_FOUND);
    }

    @Test
    void staffDeletesAnythingButPutsNoWordsIntoMouths() {
        assertThat(staff(new Deed.Delete(7, "rude"))).isNull();
        assertThat(staff(new Deed.Edit(7, "I was wrong"))).isEqualTo(ErrorCode.FORBIDDEN);
    }

    @Test
    void editingEndsWithItsWindow() {
        assertThat(code(judge().judge(new NewEntry("e", ADA, false, new Deed.Edit(7, "x"), NOW.plusSeconds(59)))))
                .isNull();
        assertThat(code(judge().judge(new NewEntry("e", ADA, false, new Deed.Edit(7, "x"), NOW.plusSeconds(61)))))
                .isEqualTo(ErrorCode.TOO_LATE);
    }

    @Test
    void moderationIsForStaffAndNeverAgainstStaffOrOneself() {
        Deed ban = new Deed.Moderate(Deed.Action.BAN, EVE.id(), null, null, null);
        assertThat(student(ADA, ban)).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(student(ADA, new Deed.Pin(7, true))).isEqualTo(ErrorCode.FORBIDDEN);
        for (Deed.Action action : Deed.Action.values()) {
            assertThat(student(ADA, new Deed.Moderate(action, action.personal() ? EVE.id() : null, null, 5, null)))
                    .isEqualTo(ErrorCode.FORBIDDEN);
        }
        assertThat(staff(ban)).isNull();
        assertThat(staff(new Deed.Moderate(Deed.Action.BAN, ASSISTANT.id(), null, null, null)))
                .isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(staff(new Deed.Moderate(Deed.Action.MUTE, TEACHER.id(), null, null, null)))
                .isEqualTo(ErrorCode.FORBIDDEN);
    }

    @Test
    void whoIsMutedIsSilentUntilTheEnd() {
        sanctions = Map.of(new Judge.Sanctioned(ADA.id(), "mute"), NOW.plusSeconds(10));
        assertThat(student(ADA, new Deed.Say("hello"))).isEqualTo(ErrorCode.MUTED);
        assertThat(student(ADA, new Deed.Edit(7, "hello"))).isEqualTo(ErrorCode.MUTED);
        assertThat(student(ADA, new Deed.React(7, "👍", true))).isEqualTo(ErrorCode.MUTED);
        assertThat(student(ADA, new Deed.Delete(7, null))).isNull();
        assertThat(code(judge().judge(new NewEntry("e", ADA, false, new Deed.Say("hello"), NOW.plusSeconds(10)))))
                .isNull();
    }

    @Test
    void aMuteHoldsForWhatFollowsItInTheSameBatch() {
        Judge judge = judge();
        assertThat(judge.judge(new NewEntry("1", EVE, false, new Deed.Say("before"), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry(
                        "2", TEACHER, true, new Deed.Moderate(Deed.Action.MUTE, EVE.id(), null, null, null), NOW)))
                .isNull();
        assertThat(code(judge.judge(new NewEntry("3", EVE, false, new Deed.Say("after"), NOW))))
                .isEqualTo(ErrorCode.MUTED);
        assertThat(judge.judge(new NewEntry(
                        "4", TEACHER, true, new Deed.Moderate(Deed.Action.UNMUTE, EVE.id(), null, null, null), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry("5", EVE, false, new Deed.Say("again"), NOW)))
                .isNull();
    }

    @Test
    void whoIsBannedDoesNothingAtAll() {
        sanctions = Map.of(new Judge.Sanctioned(ADA.id(), "ban"), Instant.MAX);
        assertThat(student(ADA, new Deed.Say("hello"))).isEqualTo(ErrorCode.BANNED);
        assertThat(student(ADA, new Deed.Delete(7, null))).isEqualTo(ErrorCode.BANNED);
    }

    @Test
    void slowModeAsksForAPauseAndTellsHowLong() {
        rules = new RoomRules(30, false);
        Judge judge = judge();
        assertThat(judge.judge(new NewEntry("1", ADA, false, new Deed.Say("one"), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry("2", ADA, false, new Deed.Say("two"), NOW.plusSeconds(12))))
                .isEqualTo(new Written.Refused(ErrorCode.SLOW_MODE, Duration.ofSeconds(18)));
        assertThat(judge.judge(new NewEntry("3", EVE, false, new Deed.Say("me"), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry("4", TEACHER, true, new Deed.Say("a"), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry("5", TEACHER, true, new Deed.Say("b"), NOW)))
                .isNull();
        assertThat(judge.judge(new NewEntry("6", ADA, false, new Deed.Say("two"), NOW.plusSeconds(30))))
                .isNull();
    }

    @Test
    void announcementsAreForStaff() {
        rules = new RoomRules(null, true);
        assertThat(student(ADA, new Deed.Say("hello"))).isEqualTo(ErrorCode.ANNOUNCE_ONLY);
        assertThat(student(ADA, new Deed.React(7, "👍", true))).isNull();
        assertThat(staff(new Deed.Say("exam on Monday"))).isNull();
    }

    @Test
    void aDeletedMessageIsGoneForWhatFollows() {
        Judge judge = judge();
        assertThat(judge.judge(new NewEntry("1", ADA, false, new Deed.Delete(7, null), NOW)))
                .isNull();
        for (Deed deed : new Deed[] {
            new Deed.Edit(7, "x"),
            new Deed.Delete(7, null),
            new Deed.React(7, "👍", true),
            new Deed.Say("x", 7L, List.of())
        }) {
            assertThat(code(judge.judge(new NewEntry("2", ADA, false, deed, NOW))))
                    .isEqualTo(ErrorCode.NOT_FOUND);
        }
        assertThat(judge.author(7)).isEqualTo(ADA.id());
    }

    @Test
    void pinsAndReactionsHaveLimits() {
        pins = Judge.PIN_LIMIT;
        assertThat(staff(new Deed.Pin(7, true))).isEqualTo(ErrorCode.LIMIT);
        Judge judge = judge();
        for (int i = 0; i < Judge.REACTION_KINDS; i++) {
            assertThat(judge.judge(new NewEntry("r" + i, ADA, false, new Deed.React(7, "e" + i, true), NOW)))
                    .isNull();
        }
        assertThat(code(judge.judge(new NewEntry("r", ADA, false, new Deed.React(7, "more", true), NOW))))
                .isEqualTo(ErrorCode.LIMIT);
        assertThat(judge.judge(new NewEntry("s", EVE, false, new Deed.React(7, "e1", true), NOW)))
                .isNull();
    }

    @Test
    void anAnswerToAnAnswerBelongsToTheFirstMessage() {
        assertThat(judge().root(new Deed.Say("x", 8L, List.of()))).isEqualTo(7L);
        assertThat(judge().root(new Deed.Say("x", 7L, List.of()))).isEqualTo(7L);
        assertThat(judge().root(new Deed.Say("x"))).isNull();
    }

    private Judge judge() {
        return new Judge(
                rules,
                Map.of(
                        7L, new Judge.Target(ADA.id(), NOW, null, false, Set.of()),
                        8L, new Judge.Target(EVE.id(), NOW, 7L, false, Set.of())),
                sanctions,
                Map.of(),
                Set.of(ASSISTANT.id()),
                pins,
                Duration.ofSeconds(60));
    }

    private @Nullable ErrorCode student(Person person, Deed deed) {
        return code(judge().judge(new NewEntry("s", person, false, deed, NOW)));
    }

    private @Nullable ErrorCode staff(Deed deed) {
        return code(judge().judge(new NewEntry("t", TEACHER, true, deed, NOW)));
    }

    private static @Nullable ErrorCode code(Written.@Nullable Refused refused) {
        return refused == null ? null : refused.code();
    }
}
