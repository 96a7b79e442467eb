// The view of a user: the list, newest first, with everything done in place.

import * as api from "./api.js";
import { alertWith, element, showFieldErrors, submitting } from "./page.js";

const UNDO_MS = 10_000;
const EMPTY = { "": "Nothing here yet. What needs doing?", false: "Nothing open. Enjoy it.", true: "Nothing done yet." };

let filter = "";
let cursor = null;
let undoTimer = null;
let pendingUndo = null;
let generation = 0; // an answer that arrives after the view has moved on is dropped

function row(task) {
  const item = element("task-template").content.firstElementChild.cloneNode(true);
  item.dataset.id = task.id;
  fill(item, task);
  item.querySelector(".done").addEventListener("change", (event) => complete(item, event.target));
  item.querySelector(".edit").addEventListener("click", () => edit(item));
  item.querySelector(".title").addEventListener("dblclick", () => edit(item));
  item.querySelector(".delete").addEventListener("click", () => remove(item));
  return item;
}

function fill(item, task) {
  item.classList.toggle("completed", task.done);
  item.querySelector(".title").textContent = task.title;
  const done = item.querySelector(".done");
  done.checked = task.done;
  done.setAttribute("aria-label", `Done: ${task.title}`);
  item.querySelector(".edit").setAttribute("aria-label", `Edit: ${task.title}`);
  item.querySelector(".delete").setAttribute("aria-label", `Delete: ${task.title}`);
}

function showEmpty() {
  const none = element("list").childElementCount === 0 && !cursor;
  element("empty").hidden = !none;
  element("empty").textContent = EMPTY[filter];
}

/** Does `work`, shows its failure in words, and says whether it went well. */
async function attempt(work) {
  alertWith(null);
  try {
    await work();
    return true;
  } catch (error) {
    alertWith(error.message);
    if (error.code === "logged_out") dispatchEvent(new Event("logged-out"));
    return false;
  }
}

async function load({ more = false } = {}) {
  const mine = ++generation;
  await attempt(async () => {
    const page = await api.listTasks({ done: filter, cursor: more ? cursor : null });
    if (mine !== generation) return;
    const rows = page.items.map(row);
    if (more) element("list").append(...rows);
    else element("list").replaceChildren(...rows);
    cursor = page.next_cursor;
    element("more").hidden = !cursor;
    showEmpty();
    if (more) rows[0]?.querySelector(".done").focus();
  });
}

function drop(item) {
  const next = item.nextElementSibling ?? item.previousElementSibling;
  const held = item.contains(document.activeElement);
  item.remove();
  showEmpty();
  if (held) (next?.querySelector(".done") ?? element("title")).focus();
}

async function complete(item, box) {
  const wanted = box.checked;
  const ok = await attempt(async () => fill(item, await api.changeTask(item.dataset.id, { done: wanted })));
  if (!ok) box.checked = !wanted;
  else if (filter && filter !== String(wanted)) drop(item);
}

function edit(item) {
  const title = item.querySelector(".title");
  if (title.querySelector("input")) return;
  const before = title.textContent;
  const input = Object.assign(document.createElement("input"), { value: before, maxLength: 500 });
  input.setAttribute("aria-label", "Title");
  let ended = false;
  const end = async (save) => {
    if (ended) return;
    ended = true;
    const wanted = input.value.trim();
    const changed = save && wanted && wanted !== before;
    const ok = changed && (await attempt(async () => fill(item, await api.changeTask(item.dataset.id, { title: wanted }))));
    if (changed && !ok) {
      ended = false; // what was typed stays, so that nothing is lost
      return input.focus();
    }
    const held = document.activeElement === input || document.activeElement === document.body;
    if (!changed) title.textContent = before;
    if (held) item.querySelector(".edit").focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  input.addEventListener("blur", () => end(true));
  title.replaceChildren(input);
  input.focus();
  input.select();
}

async function remove(item) {
  const { id } = item.dataset;
  const title = item.querySelector(".title").textContent;
  if (!(await attempt(() => api.deleteTask(id)))) return;
  drop(item);
  offerUndo(id, title);
}

function offerUndo(id, title) {
  clearTimeout(undoTimer);
  pendingUndo = id;
  element("toast-text").textContent = `Deleted “${title.length > 40 ? `${title.slice(0, 40)}…` : title}”.`;
  element("toast").hidden = false;
  undoTimer = setTimeout(hideToast, UNDO_MS);
}

function hideToast() {
  if (element("toast").contains(document.activeElement)) {
    undoTimer = setTimeout(hideToast, UNDO_MS); // never from under somebody's fingers
    return;
  }
  pendingUndo = null;
  element("toast").hidden = true;
}

async function undo() {
  const id = pendingUndo;
  clearTimeout(undoTimer);
  if (await attempt(() => api.restoreTask(id))) {
    element("title").focus();
    hideToast();
    await load();
  }
}

export async function show() {
  element("tasks").hidden = false;
  element("title").focus();
  await load();
}

export function hide() {
  generation += 1;
  cursor = null;
  element("tasks").hidden = true;
  element("list").replaceChildren();
  element("toast").hidden = true;
}

/** Wires the controls once. */
export function wire() {
  element("new-task").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const input = element("title");
    if (!input.value.trim()) return showFieldErrors(form, { title: "Write what needs doing first." });
    submitting(form, async () => {
      const task = await api.addTask(input.value);
      input.value = "";
      if (filter !== "true") element("list").prepend(row(task));
      showEmpty();
    }).then(() => input.focus());
  });
  for (const button of document.querySelectorAll("[data-filter]")) {
    button.addEventListener("click", () => {
      filter = button.dataset.filter;
      document.querySelectorAll("[data-filter]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      load();
    });
  }
  element("more").addEventListener("click", () => load({ more: true }));
  element("undo").addEventListener("click", undo);
}
