// The one stream of what changes. It comes back by itself; whoever listens is told what to read again.

const EVENTS = ["functions", "parts", "mails", "schedules", "invocations", "many", "beat"];
const RETRY = 1500;
const PATIENCE = 40000; // over twice the server's heartbeat

export class Live extends EventTarget {
  constructor() {
    super();
    this.latest = {};
    this.connected = false;
    this.last = "";
    this.open();
    setInterval(() => Date.now() - this.heard > PATIENCE && this.reopen(), 5000);
    addEventListener("online", () => this.connected || this.reopen());
  }

  open() {
    this.heard = Date.now();
    this.source = new EventSource("/api/stream");
    this.source.addEventListener("hello", (event) => {
      const { resumed } = JSON.parse(event.data);
      this.connected = true;
      this.tell("connection");
      if (!resumed) this.tell("reread");
    });
    for (const name of EVENTS) {
      this.source.addEventListener(name, (event) => {
        this.heard = Date.now();
        this.latest[name] = JSON.parse(event.data);
        this.tell(name);
      });
    }
    this.source.addEventListener("error", () => {
      this.connected = false;
      this.tell("connection");
      // The browser tries again by itself, except after an answer that is no stream.
      if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.reopen(), RETRY);
    });
  }

  reopen() {
    this.source.close();
    this.open();
  }

  tell(name) {
    this.dispatchEvent(new CustomEvent(name, { detail: this.latest[name] }));
  }

  /** Hear of events until `signal` says otherwise, and of what is known already at once. */
  on(names, listener, signal) {
    for (const name of [names].flat()) {
      this.addEventListener(name, (event) => listener(event.detail, name), { signal });
    }
  }
}
