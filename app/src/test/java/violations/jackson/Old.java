package violations.jackson;

import com.fasterxml.jackson.databind.ObjectMapper;

public class Old {
    public final ObjectMapper mapper = new ObjectMapper();
}
