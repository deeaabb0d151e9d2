package violations.cycles.one;

import violations.cycles.two.Two;

public class One {
    public Two two() {
        return new Two();
    }
}
