package violations.controllers;

import org.springframework.stereotype.Controller;

@Controller
public class Everywhere {}
