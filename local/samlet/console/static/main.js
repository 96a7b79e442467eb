// Wires the page: which view is shown, the keys, light and dark, and whether the connection holds.
import { fill, h, setText } from "./dom.js";
import { Live } from "./live.js";
import * as functions from "./views/functions.js";
import * as invocations from "./views/invocations.js";
import * as mails from "./views/mails.js";
import * as resources from "./views/resources.js";
import * as schedules from "./views/schedules.js";
import * as topics from "./views/topics.js";
import * as traces from "./views/traces.js";

const VIEWS = { functions, invocations, traces, topics, schedules, mails, resources };
const LETTERS = { f: "functions", i: "invocations", w: "traces", t: "topics", s: "schedules", m: "mails", r: "resources" };
const KEYS = [
  ["/", "go to the filter"],
  ["j, k", "next, previous row"],
  ["Enter", "open the row"],
  ["Esc", "close what is open, leave the filter"],
  ...Object.entries(LETTERS).map(([letter, name]) => [`g ${letter}`, VIEWS[name].title]),
  ["?", "this help"],
];

const main = document.getElementById("main");
const live = new Live();
let shown = null; // { name, signal's controller, view }
let waitsForLetter = 0;

function parse() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(safelyDecoded);
  return { name: name in VIEWS ? name : "functions", parts: rest.filter(Boolean), query: new URLSearchParams(query) };
}

function safelyDecoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route() {
  const { name, parts, query } = parse();
  if (shown?.name !== name) {
    shown?.controller.abort();
    const controller = new AbortController();
    fill(main);
    main.dataset.view = name;
    shown = { name, controller, view: VIEWS[name].open(main, { live, signal: controller.signal }) };
    document.title = `${VIEWS[name].title} · Samlet`;
    for (const link of document.querySelectorAll("#nav a")) {
      if (link.dataset.view === name) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else link.removeAttribute("aria-current");
    }
  }
  shown.view.show(parts, query);
}

fill(document.getElementById("nav"), Object.entries(VIEWS).map(([name, view]) => h("a", { href: `#/${name}`, "data-view": name }, view.title)));
addEventListener("hashchange", route);

// --- connection -------------------------------------------------------------------------------------------------

const state = document.getElementById("state");
const lost = document.getElementById("lost");
let lostSince = 0;

function showState() {
  const parts = live.latest.parts;
  const text = !live.connected ? "no connection" : !parts ? "connecting" : parts.ready ? "ready" : "not ready";
  setText(state, text);
  state.className = `chip ${text.replaceAll(" ", "-")}`;
  lostSince = live.connected ? 0 : lostSince || Date.now();
  lost.hidden = live.connected || (Date.now() - lostSince < 1000 && Boolean(parts));
  setText(lost, lost.hidden ? "" : "Samlet does not answer: what you see is from before. The page goes on by itself when Samlet is back.");
}
live.on(["connection", "parts"], showState);
setInterval(showState, 1000);

// --- light and dark ---------------------------------------------------------------------------------------------

const root = document.documentElement;
const kept = { get: () => { try { return localStorage.getItem("samlet.theme"); } catch { return null; } },
  set: (value) => { try { localStorage.setItem("samlet.theme", value); } catch { /* private windows */ } } };
if (kept.get()) root.dataset.theme = kept.get();
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  kept.set(root.dataset.theme);
});

// --- keys -------------------------------------------------------------------------------------------------------

const dialog = document.getElementById("keys");
fill(
  dialog,
  h("h2", { id: "keys-title" }, "Keys"),
  h("dl", { class: "keys" }, KEYS.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)))),
  h("form", { method: "dialog" }, h("button", { value: "close" }, "Close")),
);
dialog.querySelector("button").addEventListener("click", (event) => { event.preventDefault(); dialog.close(); });
document.getElementById("help").addEventListener("click", () => dialog.showModal());

function rows() {
  return [...main.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const from = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const current = from >= 0 ? from : all.findIndex((row) => row.getAttribute("aria-current") === "true");
  const next = all[Math.min(all.length - 1, Math.max(0, current < 0 ? 0 : current + step))];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  if (main.querySelector(".split.open")) next.click();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else shown?.view.close?.();
    return;
  }
  if (typing) return;
  if (waitsForLetter > Date.now() && LETTERS[event.key]) {
    location.hash = `#/${LETTERS[event.key]}`;
    waitsForLetter = 0;
    return;
  }
  if (event.key === "Enter" && event.target.matches("[data-row]")) event.target.click();
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "g") waitsForLetter = Date.now() + 1500;
  else if (event.key === "?") dialog.showModal();
  else if (event.key === "/") {
    const field = main.querySelector("[data-filter]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select?.();
  }
}
addEventListener("keydown", onKey);
main.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  shown?.view.close?.();
});

route();
