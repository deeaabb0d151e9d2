package org.lectern.app.pages;

import io.swagger.v3.oas.annotations.Hidden;
import org.lectern.infra.embedded.EmbeddedMode;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Controller;
import org.springframework.ui.Model;
import org.springframework.web.bind.annotation.GetMapping;

/** One route for each page. The shells hold nothing of anybody and may be served to everybody. */
@Hidden
@Controller
@ConditionalOnRole(NodeRole.WEB)
class PageController {

    private final boolean demo;

    PageController(Environment environment) {
        this.demo = environment.getProperty("lectern.demo.enabled", Boolean.class, true)
                && EmbeddedMode.hasDatabase(environment);
    }

    @GetMapping("/")
    String home(Model model) {
        model.addAttribute("demo", demo);
        return "home";
    }

    @GetMapping("/launch")
    String launch() {
        return "launch";
    }

    @GetMapping("/chat")
    String chat() {
        return "chat";
    }

    @GetMapping("/video")
    String videos() {
        return "video";
    }

    @GetMapping("/video/{id}")
    String video() {
        return "video-player";
    }

    @GetMapping("/dashboard")
    String dashboard() {
        return "dashboard";
    }

    @GetMapping("/lti/doctor")
    String platforms() {
        return "lti-doctor";
    }

    @GetMapping("/ops")
    String operations() {
        return "ops";
    }

    @GetMapping("/lti/deep-link")
    String deepLink() {
        return "deep-link";
    }

    @GetMapping("/lti/review")
    String review() {
        return "review";
    }

    @GetMapping("/lti/privacy")
    String privacy() {
        return "privacy";
    }

    @GetMapping("/lti/eula")
    String terms() {
        return "eula";
    }
}
