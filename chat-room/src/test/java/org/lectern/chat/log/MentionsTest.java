package org.lectern.chat.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** Who is mentioned in a text. */
class MentionsTest {

    private static final UUID ANN = new UUID(0, 1);
    private static final UUID ANN_LEE = new UUID(0, 2);
    private static final UUID OTHER_ANN_LEE = new UUID(0, 3);
    private static final UUID SAMMY = new UUID(0, 4);
    private static final Map<String, List<UUID>> MEMBERS = Map.of(
            "ann", List.of(ANN),
            "ann lee", List.of(ANN_LEE, OTHER_ANN_LEE),
            "sammy davis jr.", List.of(SAMMY));

    @Test
    void theLongestNameIsMeantAndAllWhoHaveIt() {
        assertThat(found("@Ann Lee, look")).containsExactly(ANN_LEE, OTHER_ANN_LEE);
        assertThat(found("@Ann look, and @ann LEE too")).containsExactly(ANN, ANN_LEE, OTHER_ANN_LEE);
    }

    @Test
    void aNameEndsWhereAWordEnds() {
        assertThat(found("@Anna")).isEmpty();
        assertThat(found("@Ann.")).containsExactly(ANN);
        assertThat(found("(@Ann)")).containsExactly(ANN);
        assertThat(found("Thanks, @Sammy Davis Jr.")).containsExactly(SAMMY);
        assertThat(found("Thanks, @Sammy Davis Jr.!")).containsExactly(SAMMY);
    }

    @Test
    void anAddressIsNoMention() {
        assertThat(found("ann@ann")).isEmpty();
        assertThat(found("@@Ann")).isEmpty();
        assertThat(found("@ Ann")).isEmpty();
    }

    @Property(tries = 300)
    void anyTextIsReadInBoundedWork(@ForAll @StringLength(max = 4000) String text) {
        assertThat(Mentions.in(text).candidates()).hasSizeLessThanOrEqualTo(20 * 12 + 20);
        assertThat(Mentions.in(text).found(MEMBERS).size()).isLessThanOrEqualTo(20);
    }

    private static List<UUID> found(String text) {
        return Mentions.in(text).found(MEMBERS);
    }
}
