// Topics with their groups and lag; messages; produce and redrive.
import { get, path, post } from "../api.js";
import { Keyed, action, careful, empty, facts, fill, h, setText, toast } from "../dom.js";
import { bytes, chip, clock, count, json } from "../format.js";
import { calm, every } from "../pace.js";

export const title = "Topics";

export function open(main, { signal }) {
  let topics = [];
  let topic = "";
  let place = [];
  let asked = 0;
  let read = "";

  const nothing = h("div");
  const list = h("div", { class: "cards" });
  const keyedTopics = new Keyed(list, (one) => one.name, card);
  const search = h("input", { type: "search", placeholder: "Text in key, headers or value", "aria-label": "Search in messages", "data-filter": true, oninput: calm(load, signal, 400) });
  const partition = h("input", { inputmode: "numeric", size: "5", placeholder: "partition", "aria-label": "Partition", oninput: calm(load, signal, 400) });
  const offset = h("input", { inputmode: "numeric", size: "7", placeholder: "from offset", "aria-label": "From offset", oninput: calm(load, signal, 400) });
  const told = h("span", { class: "muted", role: "status" });
  const body = h("tbody");
  const keyed = new Keyed(body, (one) => `${one.partition}@${one.offset}`, () => row(() => topic));
  const none = h("div");
  const about = h("div", { class: "about" });
  const detail = h("section", { class: "detail", "aria-label": "Message" });
  const split = h("div", { class: "split" },
    h("div", { class: "pane" }, about, h("div", { class: "bar" }, search, partition, offset, told),
      h("div", { class: "wide" }, h("table", { class: "list messages" }, h("caption", { class: "hidden" }, "Messages, newest first"),
        h("thead", {}, h("tr", {}, ["Time", "Place", "Key", "Value", "Size"].map((name, at) => h("th", { scope: "col", class: at === 4 ? "number" : null }, name)))), body)), none), detail);
  const one = h("div", { hidden: true }, split);
  main.append(h("h1", { class: "hidden" }, title), nothing, list, one);

  every(2000, overview, signal);

  async function overview() {
    try {
      topics = await get("/api/topics");
    } catch (error) {
      if (signal.aborted) return;
      topics = [];
      keyedTopics.show([]);
      one.hidden = true;
      fill(nothing, error.status === 404 ? empty("No Kafka runs here.", "Add ", h("code", {}, "[services] kafka = {}"), " to samlet.toml, or set KAFKA_BOOTSTRAP_SERVERS.") : empty("The topics cannot be read.", error.message));
      return;
    }
    if (signal.aborted) return;
    fill(nothing, topics.length ? [] : empty("No topic yet.", h("code", {}, "samlet events create TOPIC"), " makes one; Samlet's Kafka makes none by itself."));
    arrange();
    const current = topics.find((entry) => entry.name === topic);
    if (current) {
      const ends = JSON.stringify(current.partitions);
      if (ends !== read) {
        read = ends;
        load();
      }
    }
  }

  function arrange() {
    const current = topics.find((entry) => entry.name === topic);
    list.hidden = Boolean(topic);
    one.hidden = !topic;
    keyedTopics.show(topics);
    if (topic && current) showAbout(current);
    else if (topic && topics.length) fill(about, heading(), empty(`There is no topic ${topic}.`, h("code", {}, `samlet events create ${topic}`), " makes it."));
  }

  const heading = () => h("header", { class: "head" }, h("h2", {}, topic), h("span", { class: "grow" }), h("a", { class: "button quiet", href: "#/topics" }, "All topics"));
  let aboutShown = "";
  function showAbout(current) {
    const text = JSON.stringify([current, topics.map((entry) => entry.name)]);
    if (text === aboutShown) return;
    aboutShown = text;
    const kept = about.querySelector("details.produce");
    const lags = (number) => current.groups.map((group) => group.partitions.find((entry) => entry.partition === number));
    const table = h("details", {}, h("summary", {}, `${current.partitions.length} partition(s), ${count(current.messages)} message(s)`),
      h("table", { class: "small" },
        h("thead", {}, h("tr", {}, ["Partition", "First", "End", ...current.groups.map((group) => group.group)].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, current.partitions.map((entry) => h("tr", {}, h("td", {}, entry.partition), h("td", {}, entry.first), h("td", {}, entry.end),
          lags(entry.partition).map((own) => h("td", {}, own ? `${own.offset}${own.lag ? ` (lag ${own.lag})` : ""}` : "–")))))));
    fill(about, heading(), h("p", {}, groupsOf(current)), table, kept ?? produce(() => topic, () => { read = ""; overview(); }), current.dead_of || topic.includes("dead") ? redriveAll(current) : null);
  }

  function redriveAll(current) {
    const target = h("select", { "aria-label": "Redrive to" }, topics.filter((entry) => entry.name !== topic).map((entry) => h("option", { selected: entry.name === current.dead_of }, entry.name)));
    const waiting = () => current.waiting[target.value] ?? current.messages;
    const told = h("span", { class: "muted" });
    const tell = () => setText(told, `${count(waiting())} of ${count(current.messages)} not redriven yet. They stay here: Kafka takes nothing out.`);
    target.addEventListener("change", tell);
    tell();
    return h("p", { class: "bar" }, careful("Redrive all", () => `Really send ${count(waiting())} again?`, () => redrive(null, target.value)), "to", target, told);
  }

  async function redrive(messages, to) {
    const answer = await post(path("/api/topics", topic, "redrive"), { to, ...(messages ? { messages } : {}) });
    toast(answer.redriven ? `${answer.redriven} message(s) sent to ${answer.to} again.` : `Nothing waits: all was redriven to ${answer.to} before.`);
  }

  async function load() {
    if (!topic) return;
    const ticket = ++asked;
    const query = new URLSearchParams();
    for (const [name, input] of [["text", search], ["partition", partition], ["offset", offset]]) if (input.value.trim()) query.set(name, input.value.trim());
    try {
      const found = await get(`${path("/api/topics", topic, "messages")}?${query}`);
      if (ticket !== asked || signal.aborted) return;
      keyed.show(found.messages);
      setText(told, query.has("text") ? `${count(found.found)} of the newest ${count(found.searched)} fit` : `newest ${count(found.messages.length)}`);
      fill(none, found.messages.length ? [] : query.size ? empty("No message fits.", "A search looks at the newest 5,000 messages.") : empty("No message yet.", "Produce one above, or let a function do it."));
      mark();
    } catch (error) {
      if (ticket !== asked) return;
      keyed.show([]);
      setText(told, "");
      fill(none, empty("The messages cannot be read.", error.message));
    }
  }

  function mark() {
    for (const [key, { element }] of keyed.rows) element.setAttribute("aria-current", String(key === place.join("@")));
  }

  async function showMessage() {
    split.classList.toggle("open", place.length === 2);
    mark();
    if (place.length !== 2) return fill(detail);
    const wanted = place.join("@");
    try {
      const found = await get(path("/api/topics", topic, "messages", ...place));
      if (wanted === place.join("@") && !signal.aborted) fill(detail, message(found));
    } catch (error) {
      fill(detail, close(), empty("The message cannot be shown.", error.message));
    }
  }

  const close = (...children) => h("header", { class: "head" }, children, h("span", { class: "grow" }), h("a", { class: "button quiet", href: `#${path("/topics", topic)}`, "data-close": true, "aria-label": "Close" }, "✕"));

  function message(found) {
    const current = topics.find((entry) => entry.name === topic);
    const others = topics.filter((entry) => entry.name !== topic);
    const target = h("select", { "aria-label": "Send again to" }, others.map((entry) => h("option", { selected: entry.name === current?.dead_of }, entry.name)));
    return [
      close(h("h2", {}, `${found.topic}-${found.partition}@${found.offset}`)),
      others.length ? h("div", { class: "buttons" }, action("Send again", () => redrive([{ partition: found.partition, offset: found.offset }], target.value), { title: "Write a copy of this message to another topic" }), "to", target) : null,
      facts([["Time", clock(found.timestamp / 1000, true)], ["Key", found.key ?? "none"], ["Size", found.size === null ? "tombstone" : bytes(found.size)]]),
      h("section", {}, h("h3", {}, "Headers"), found.headers.length
        ? h("table", { class: "small" }, h("tbody", {}, found.headers.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value, " ", trace(value))))))
        : h("p", { class: "muted" }, "none")),
      h("section", {}, h("h3", {}, "Value"), found.size === null ? h("p", { class: "muted" }, "No value: a tombstone.")
        : found.value === null ? h("pre", { class: "code", tabindex: "0" }, hexed(found.hex)) : json(found.value, "Value")),
    ];
  }

  return {
    show(parts) {
      const before = topic;
      topic = parts[0] ?? "";
      place = parts.length === 3 ? parts.slice(1) : [];
      if (before !== topic) {
        for (const input of [search, partition, offset]) input.value = "";
        aboutShown = read = "";
        keyed.show([]);
        fill(about, heading());
        setText(told, "");
        load();
      }
      arrange();
      showMessage();
    },
    close() {
      const row = place.length ? keyed.rows.get(place.join("@")) : keyedTopics.rows.get(topic);
      if (topic) location.hash = place.length ? `#${path("/topics", topic)}` : "#/topics";
      row?.element.focus();
    },
  };
}

function groupsOf(topic) {
  if (!topic.groups.length) return h("span", { class: "muted" }, "No consumer group has committed here.");
  return topic.groups.map((group) => [chip(group.lag ? "lag" : "ok", `${group.group}: ${group.lag ? `lag ${count(group.lag)}` : "up to date"}`), " "]).flat();
}

function card() {
  const link = h("a");
  const told = h("p", { class: "muted" });
  const groups = h("p");
  const element = h("article", { class: "card", "data-row": true, tabindex: "-1", onclick: (event) => event.target.closest("a") || link.click() }, h("h2", {}, link), told, groups);
  return {
    element,
    show(item) {
      setText(link, item.name);
      link.href = `#${path("/topics", item.name)}`;
      setText(told, `${count(item.messages)} message(s) in ${item.partitions.length} partition(s)${item.dead_of ? `; what was given up of ${item.dead_of}` : ""}`);
      fill(groups, groupsOf(item));
    },
  };
}

function row(topic) {
  const cells = Array.from({ length: 5 }, (_, at) => h("td", { class: at === 4 ? "number" : at > 1 ? "cut" : null }));
  const link = h("a");
  cells[0].append(link);
  const element = h("tr", { "data-row": true, tabindex: "-1", onclick: (event) => event.target.closest("a") || link.click() }, cells);
  return {
    element,
    show(item) {
      link.href = `#${path("/topics", topic(), item.partition, item.offset)}`;
      setText(link, clock(item.timestamp / 1000));
      setText(cells[1], `${item.partition} @ ${item.offset}`);
      setText(cells[2], item.key ?? "");
      setText(cells[3], item.size === null ? "tombstone" : item.value === null ? `0x${item.hex.slice(0, 80)}` : item.value.slice(0, 200));
      setText(cells[4], item.size === null ? "" : bytes(item.size));
    },
  };
}

function produce(topic, done) {
  const key = h("input", { "aria-label": "Key", placeholder: "key (may be empty)" });
  const value = h("textarea", { rows: "4", "aria-label": "Value", placeholder: '{"hello": "world"}' });
  const headers = h("textarea", { rows: "2", "aria-label": "Headers, one a line", placeholder: "header: value" });
  return h("details", { class: "produce" }, h("summary", {}, "Produce a message"), h("form", { onsubmit: (event) => event.preventDefault() }, key, value, headers,
    h("div", { class: "buttons" },
      action("Produce", () => send(value.value)),
      action("Produce a tombstone", () => send(null), { class: "quiet" }))));

  async function send(content) {
    const pairs = headers.value.split("\n").filter((line) => line.trim()).map((line) => {
      const at = line.indexOf(":");
      if (at < 1) throw new Error(`This header has no name and value: ${line}`);
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    });
    await post(path("/api/topics", topic(), "messages"), { key: key.value || null, value: content, headers: Object.fromEntries(pairs) });
    toast("Produced.");
    done();
  }
}

function trace(value) {
  const found = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(value ?? "");
  return found ? h("a", { href: `#/traces/${found[1]}` }, "waterfall") : null;
}

function hexed(hex) {
  return hex.replace(/(.{2})/g, "$1 ").replace(/(.{48})/g, "$1\n");
}
