package violations.controllerplaces.infra;

import org.springframework.stereotype.Controller;

@Controller
public class Misplaced {}
