package violations.statics;

import java.time.Instant;

public class Hidden {
    public Instant now() {
        return Instant.now();
    }
}
