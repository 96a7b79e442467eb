// The view of a visitor: log in, or create an account and be logged in.

import * as api from "./api.js";
import { alertWith, element, showFieldErrors, submitting } from "./page.js";

const MODES = {
  login: { title: "Log in", question: "New here?", other: "Create an account", autocomplete: "current-password" },
  register: { title: "Create an account", question: "Have an account?", other: "Log in", autocomplete: "new-password" },
};

let mode = "login";

function setMode(next) {
  mode = next;
  const words = MODES[mode];
  element("welcome-title").textContent = words.title;
  element("submit-credentials").textContent = words.title;
  element("switch-text").textContent = words.question;
  element("switch-mode").textContent = words.other;
  element("password").autocomplete = words.autocomplete;
  element("password-hint").hidden = mode === "login";
}

function missing(email, password) {
  const fields = {};
  if (!email) fields.email = "Enter your address.";
  if (!password) fields.password = "Enter a password.";
  else if (mode === "register" && [...password].length < 8) fields.password = "Use 8 characters or more.";
  return fields;
}

export function show() {
  element("welcome").hidden = false;
  element("password").value = "";
  element("email").focus();
}

export function hide() {
  element("welcome").hidden = true;
}

/** Wires the forms once; `entered` is called after each successful log-in. */
export function wire(entered) {
  element("switch-mode").addEventListener("click", () => {
    setMode(mode === "login" ? "register" : "login");
    alertWith(null);
    showFieldErrors(element("credentials"), {});
    element("email").focus();
  });
  element("credentials").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const email = element("email").value.trim();
    const password = element("password").value;
    const fields = missing(email, password);
    if (Object.keys(fields).length) return showFieldErrors(form, fields);
    submitting(form, async () => {
      if (mode === "register") await api.register(email, password);
      await api.logIn(email, password);
      setMode("login");
      await entered();
    });
  });
}
