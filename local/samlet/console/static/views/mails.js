// The mails that were sent: as they look, as text, as source.
import { get, path, remove } from "../api.js";
import { Keyed, careful, empty, facts, fill, h, setText, toast } from "../dom.js";
import { bytes, clock } from "../format.js";
import { calm } from "../pace.js";

export const title = "Mails";
const MOST = 300;

export function open(main, { live, signal }) {
  let mails = [];
  let chosen = "";
  let tab = "Rendered";
  let asked = 0;
  const search = h("input", { type: "search", placeholder: "Address or subject", "aria-label": "Filter by address or subject", "data-filter": true, oninput: calm(show, signal) });
  const told = h("span", { class: "muted", role: "status" });
  const clear = careful("Delete all", () => "Really delete all mails?", async () => {
    await remove("/api/mails");
    toast("All mails are deleted.");
    location.hash = "#/mails";
    load();
  });
  const list = h("ul", { class: "mails", "aria-label": "Mails, newest first" });
  const nothing = h("div");
  const keyed = new Keyed(list, (one) => one.id, row);
  const detail = h("section", { class: "detail", "aria-label": "Mail" });
  const split = h("div", { class: "split even" }, h("div", { class: "pane" }, list, nothing), detail);
  main.append(h("h1", { class: "hidden" }, title), h("div", { class: "bar" }, search, clear, told), split);
  live.on(["mails", "reread"], load, signal);

  async function load() {
    const ticket = ++asked;
    try {
      const found = await get(`/api/mails?limit=${MOST}`);
      if (ticket !== asked || signal.aborted) return;
      mails = found;
      show();
    } catch (error) {
      if (ticket !== asked || signal.aborted) return;
      mails = [];
      show();
      fill(nothing, error.status === 404 ? empty("No mail sink runs here.", "Add ", h("code", {}, "[services] mail = {}"), " to samlet.toml, and give functions ", h("code", {}, "{mail.url}"), ".") : empty("The mails cannot be read.", error.message));
    }
  }

  function show() {
    const text = search.value.trim().toLowerCase();
    const fitting = text ? mails.filter((one) => `${one.subject} ${one.from} ${one.to.join(" ")}`.toLowerCase().includes(text)) : mails;
    keyed.show(fitting);
    clear.hidden = !mails.length;
    setText(told, mails.length ? `${fitting.length}${mails.length === MOST ? ", the newest" : ""}` : "");
    fill(nothing, fitting.length ? [] : mails.length ? empty("No mail fits the filter.") : empty("No mail yet.", "What functions send to the mail sink is kept here, and delivered to nobody."));
    mark();
  }

  function mark() {
    for (const [key, { element }] of keyed.rows) element.firstElementChild.setAttribute("aria-current", String(key === chosen));
  }

  async function showMail() {
    split.classList.toggle("open", Boolean(chosen));
    mark();
    const id = chosen;
    if (!id) return fill(detail);
    try {
      const mail = await get(path("/api/mails", id));
      if (id === chosen && !signal.aborted) draw(mail);
    } catch (error) {
      if (id === chosen) fill(detail, head("Mail"), empty("It cannot be shown.", error.message));
    }
  }

  function draw(mail) {
    const of = (name) => mail.headers.find(([own]) => own.toLowerCase() === name)?.[1];
    const pages = {
      Rendered: () => mail.has_html ? h("iframe", { sandbox: "", referrerpolicy: "no-referrer", src: path("/api/mails", mail.id, "html"), title: "The mail as it looks" }) : h("p", { class: "muted" }, "This mail has no HTML."),
      Text: () => mail.text === null ? h("p", { class: "muted" }, "This mail has no text.") : h("pre", { class: "code text", tabindex: "0" }, mail.text),
      Headers: () => h("table", { class: "small" }, h("tbody", {}, mail.headers.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value))))),
      Source: () => h("pre", { class: "code text", tabindex: "0" }, mail.source),
    };
    const page = h("div", { role: "tabpanel", class: "page", id: "mail-page" });
    const tabs = h("div", { role: "tablist", "aria-label": "How to show it" });
    const pick = (name, focus) => {
      tab = name;
      for (const button of tabs.children) {
        const own = button.textContent === name;
        button.setAttribute("aria-selected", String(own));
        button.tabIndex = own ? 0 : -1;
        if (own && focus) button.focus();
      }
      fill(page, pages[name]());
    };
    const names = Object.keys(pages);
    tabs.append(...names.map((name) => h("button", { type: "button", role: "tab", "aria-controls": "mail-page", onclick: () => pick(name) }, name)));
    tabs.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) pick(names[(names.indexOf(tab) + step + names.length) % names.length], true);
    });
    fill(detail, head(of("subject") || "(no subject)"),
      facts([["From", of("from")], ["To", of("to") ?? of("x-samlet-to")], ["Date", of("date")], ["Size", bytes(mail.size)], ["Attachments", mail.attachments.join(", ")]]), tabs, page);
    pick(tab);
  }

  const head = (text) => h("header", { class: "head" }, h("h2", {}, text), h("span", { class: "grow" }), h("a", { class: "button quiet", href: "#/mails", "data-close": true, "aria-label": "Close" }, "✕"));

  load();
  return {
    show(parts) {
      const before = chosen;
      chosen = parts[0] ?? "";
      if (before !== chosen || !chosen) showMail();
    },
    close() {
      const key = chosen;
      if (key) location.hash = "#/mails";
      keyed.rows.get(key)?.element.firstElementChild.focus();
    },
  };
}

function row() {
  const subject = h("b");
  const people = h("span");
  const time = h("time", { class: "muted" });
  const link = h("a", { "data-row": true }, subject, time, people);
  return {
    element: h("li", {}, link),
    show(mail) {
      link.href = `#${path("/mails", mail.id)}`;
      setText(subject, mail.subject || "(no subject)");
      setText(people, `${mail.from} → ${mail.to.join(", ")}`);
      setText(time, mail.received_at ? clock(Date.parse(mail.received_at) / 1000) : "");
    },
  };
}
