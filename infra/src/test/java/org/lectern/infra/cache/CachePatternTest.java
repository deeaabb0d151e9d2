package org.lectern.infra.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class CachePatternTest {

    @Test
    void namesOneSomeOrAllOfAFamily() {
        assertThat(CachePattern.parse("document:42").matches("document:42")).isTrue();
        assertThat(CachePattern.parse("document:42").matches("document:421")).isFalse();
        assertThat(CachePattern.parse("document:42*").matches("document:421")).isTrue();
        assertThat(CachePattern.parse("document:*").matches("document:")).isTrue();
        assertThat(CachePattern.parse("document:*").matches("documents:1")).isFalse();
        assertThat(CachePattern.parse("document:a:b").matches("document:a:b")).isTrue();
    }

    @Test
    void needsAFamily() {
        assertThatIllegalArgumentException().isThrownBy(() -> CachePattern.parse("*"));
        assertThatIllegalArgumentException().isThrownBy(() -> CachePattern.parse(":x"));
    }
}
