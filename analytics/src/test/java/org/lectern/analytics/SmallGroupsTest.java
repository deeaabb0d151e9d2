package org.lectern.analytics;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class SmallGroupsTest {

    private final SmallGroups groups = new SmallGroups(5);

    @Property
    void neitherAToldNumberNorTheRestOfAGroupIsAboutOneToFourPeople(
            @ForAll @LongRange(max = 40) long one, @ForAll @LongRange(max = 40) long other) {
        long whole = Math.max(one, other);
        Long toldPart = groups.tellPart(Math.min(one, other), whole);
        Long toldWhole = groups.tell(whole);

        if (toldWhole != null) {
            assertThat(toldWhole).isNotIn(1L, 2L, 3L, 4L);
        }
        if (toldPart != null) {
            assertThat(toldWhole).isNotNull();
            assertThat(toldPart).isNotIn(1L, 2L, 3L, 4L);
            assertThat(whole - toldPart).isNotIn(1L, 2L, 3L, 4L);
        }
    }

    @Test
    void fiveAreTellableFourAreNotAndNobodyIs() {
        assertThat(groups.tell(5)).isEqualTo(5);
        assertThat(groups.tell(4)).isNull();
        assertThat(groups.tooSmall(4)).isTrue();
        assertThat(groups.tell(0)).isZero();
        assertThat(groups.tooSmall(0)).isFalse();
        assertThat(groups.tellPart(5, 9)).as("the other four would be known").isNull();
        assertThat(groups.tellPart(5, 10)).isEqualTo(5);
    }
}
