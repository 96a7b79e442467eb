// The page's start: which of the two views is shown follows from the session alone.

import * as api from "./api.js";
import { alertWith, element } from "./page.js";
import * as session from "./session.js";
import * as tasks from "./tasks.js";
import * as welcome from "./welcome.js";

function showWelcome() {
  tasks.hide();
  element("account").hidden = true;
  welcome.show();
}

async function showTasks() {
  const user = await api.me();
  welcome.hide();
  element("who").textContent = user.email;
  element("account").hidden = false;
  await tasks.show();
}

async function start() {
  if (!session.read()) return showWelcome();
  try {
    await showTasks();
  } catch (error) {
    showWelcome();
    alertWith(error.message);
  }
}

welcome.wire(showTasks);
tasks.wire();
element("log-out").addEventListener("click", async () => {
  const leaving = api.logOut(); // forgets the tokens at once, whatever the service says
  alertWith(null);
  showWelcome();
  await leaving.catch(() => {});
});
addEventListener("logged-out", showWelcome);
session.onChange(start);
start();
