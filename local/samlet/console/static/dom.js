// Builds the page. Whatever comes from outside goes in as text, never as HTML: there is no innerHTML here.

/** An element; properties that begin with "on" are listeners, others attributes; children are nodes or texts. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false).map(node));
  return element;
}

function node(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Put these children, and no others, into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false).map(node));
}

/** Set a text only where it is another one, so that a selection in it survives. */
export function setText(element, text) {
  const wanted = text === null || text === undefined ? "" : String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/**
 * Rows that keep their elements: `make(item)` makes an element with a method `show(item)`, which is called when the
 * item changes. Elements are moved only where the order changed.
 */
export class Keyed {
  constructor(parent, key, make) {
    this.parent = parent;
    this.key = key;
    this.make = make;
    this.rows = new Map();
  }

  show(items) {
    const wanted = new Set(items.map(this.key));
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    let before = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      let row = this.rows.get(key);
      if (!row) {
        row = this.make(item);
        row.element.dataset.key = key;
        this.rows.set(key, row);
      }
      if (row.item !== item) {
        row.show(item);
        row.item = item;
      }
      if (row.element === before) before = before.nextElementSibling;
      else this.parent.insertBefore(row.element, before);
    }
  }
}

/** A definition list out of [term, description] pairs; pairs without a description are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, shown.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

export function empty(title, ...hint) {
  return h("div", { class: "empty" }, h("p", { class: "strong" }, title), hint.length ? h("p", {}, hint) : null);
}

/** A button that does something slow: it is off meanwhile, and what goes wrong is told. */
export function action(label, work, properties = {}) {
  const button = h("button", { type: "button", ...properties }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work(button);
    } catch (error) {
      toast(error.message, "error");
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

/** A button that asks once more before it does something that cannot be undone; `question` returns what it asks. */
export function careful(label, question, work) {
  let asked = false;
  const button = action(label, async () => {
    if (!asked) {
      asked = true;
      button.textContent = question();
      button.classList.add("danger");
      return;
    }
    reset();
    await work();
  });
  const reset = () => {
    asked = false;
    button.textContent = label;
    button.classList.remove("danger");
  };
  button.addEventListener("blur", () => setTimeout(() => document.activeElement !== button && reset(), 0));
  return button;
}

/** Say something in passing. */
export function toast(text, kind = "ok") {
  const element = h("p", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), kind === "error" ? 10000 : 4000);
}
