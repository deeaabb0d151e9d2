package violations.fieldinjection;

import org.springframework.beans.factory.annotation.Autowired;

public class Injected {
    @Autowired
    public Object room;
}
