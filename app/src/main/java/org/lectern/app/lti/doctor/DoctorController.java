package org.lectern.app.lti.doctor;

import java.util.UUID;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Checks a registration when an operator asks for it. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class DoctorController {

    private final Doctor doctor;

    DoctorController(Doctor doctor) {
        this.doctor = doctor;
    }

    /**
     * Checks a registration step by step: its state, its addresses through the guard, the platform's keys, its clock, a
     * token for services, deployments and the last rejections. The platform is asked what a launch would ask; nothing is
     * changed.
     */
    @PostMapping("/api/ops/registrations/{id}/check")
    Mono<Diagnosis> check(@PathVariable UUID id) {
        return doctor.examine(id);
    }
}
