package violations.blocking;

import reactor.core.publisher.Mono;

public class Waits {
    public Object waits(Mono<Object> answer) {
        return answer.block();
    }
}
