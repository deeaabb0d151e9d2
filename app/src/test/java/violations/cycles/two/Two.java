package violations.cycles.two;

import violations.cycles.one.One;

public class Two {
    public One one() {
        return new One();
    }
}
