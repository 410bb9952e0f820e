// The files to be uploaded: four at a time, again after trouble that passes, until all are done or cannot be.
import { sendFile } from "./transfer.js";

const PARALLEL = 4;
// After trouble a file is sent again by itself this often, each time after twice as long.
const TRIES = 5;
const FIRST_DELAY = 1000;

const UNFINISHED = new Set(["waiting", "sending"]);

export class UploadQueue {
  // `changed(item)` is called for each change of an item, `idle()` when nothing is left to do.
  constructor({ address, token, changed, idle }) {
    Object.assign(this, { address, token, changed, idle });
    this.clear();
    addEventListener("online", () => this.hurry());
  }

  clear() {
    this.items = [];
    this.waiting = [];
    this.running = new Set();
    this.counts = { waiting: 0, sending: 0, done: 0, refused: 0, interrupted: 0, cancelled: 0 };
    this.bytes = { total: 0, sent: 0 };
    this.since = 0;
  }

  get unfinished() {
    return this.counts.waiting + this.counts.sending;
  }

  get failed() {
    return this.counts.refused + this.counts.interrupted;
  }

  // `files` are pairs of a file and the path of its folder below the one that is open, which is mostly empty.
  add(files, { folder, tags }) {
    const items = files.map(({ file, path }) => new Item(file, path, folder, tags));
    if (!this.unfinished) this.since = performance.now();
    for (const item of items) {
      this.counts.waiting += 1;
      this.bytes.total += item.file.size;
    }
    this.items.push(...items);
    this.waiting.push(...items);
    return items;
  }

  // Sends what waits, as many at a time as may.
  pump() {
    if (this.held) return;
    while (this.running.size < PARALLEL && this.waiting.length) this.send(this.waiting.shift());
  }

  async send(item) {
    this.running.add(item);
    this.show(item, "sending");
    const { address, token } = this;
    const { folder, path, tags } = item;
    const again = item.tries > 0;
    item.tries += 1;
    const onProgress = (part) => this.progress(item, part);
    item.transfer = sendFile(item.file, { address, token, folder, path, tags, again, onProgress });
    const result = await item.transfer.done;
    item.transfer = null;
    this.running.delete(item);
    await this.conclude(item, result);
    this.pump();
    if (!this.unfinished) this.idle();
  }

  async conclude(item, result) {
    if (result.state === "stale") {
      const fresh = !item.isStale && (await this.refreshToken());
      item.isStale = true;
      if (fresh) return this.wait(item, "", 0);
      result = { state: "interrupted", reason: "The page was open too long. Load it again." };
    }
    if (result.again && item.tries < TRIES) {
      const delay = Math.max(result.after * 1000, FIRST_DELAY * 2 ** (item.tries - 1));
      return this.wait(item, `${result.reason} It is sent again by itself.`, delay);
    }
    item.document = result.document;
    this.show(item, result.state, result.reason);
    if (result.ended) this.stop(result.reason);
  }

  // Puts an item in front, to be sent when a moment has passed; others are in the same trouble and wait as well.
  wait(item, reason, delay) {
    this.waiting.unshift(item);
    this.show(item, "waiting", reason);
    if (!delay || this.held) return;
    this.held = setTimeout(() => this.hurry(), delay);
  }

  hurry() {
    clearTimeout(this.held);
    this.held = 0;
    this.pump();
  }

  // Without a session each of a thousand files would be sent in vain.
  stop(reason) {
    for (const item of this.waiting.splice(0)) this.show(item, "interrupted", reason);
    this.hasEnded = true;
  }

  // What is with the server already is let through: nobody could say whether it was still stored.
  cancel(item) {
    if (item.state === "sending") return item.part < 1 && item.transfer?.cancel();
    this.waiting = this.waiting.filter((other) => other !== item);
    if (item.state === "waiting") this.show(item, "cancelled", "Cancelled.");
    if (!this.unfinished) this.idle();
  }

  cancelAll() {
    for (const item of this.waiting.splice(0)) this.show(item, "cancelled", "Cancelled.");
    for (const item of this.running) this.cancel(item);
    if (!this.unfinished) this.idle();
  }

  async retry(items) {
    if (this.hasEnded) this.hasEnded = !(await this.refreshToken());
    for (const item of items) {
      if (UNFINISHED.has(item.state) || item.state === "done") continue;
      // What was refused or cancelled is not with the server; what was interrupted may be.
      item.tries = item.state === "interrupted" ? 1 : 0;
      item.isStale = false;
      this.waiting.push(item);
      this.show(item, "waiting");
    }
    this.hurry();
  }

  // What was refused would be refused again.
  retryInterrupted() {
    return this.retry(this.items.filter((item) => item.state === "interrupted"));
  }

  progress(item, part) {
    this.bytes.sent += (part - item.part) * item.file.size;
    item.part = part;
    this.changed(item);
  }

  show(item, state, reason = "") {
    this.counts[item.state] -= 1;
    this.counts[state] += 1;
    // What has come to its end has no bytes left to send, whatever became of it.
    const part = UNFINISHED.has(state) ? 0 : 1;
    this.bytes.sent += (part - item.part) * item.file.size;
    Object.assign(item, { state, reason, part });
    this.changed(item);
  }

  // Seconds until all is sent, going by what has been; null while nobody can tell.
  get secondsLeft() {
    const seconds = (performance.now() - this.since) / 1000;
    if (seconds < 3 || !this.bytes.sent) return null;
    return ((this.bytes.total - this.bytes.sent) * seconds) / this.bytes.sent;
  }

  // Who signed in again, in another tab, has another token: the page of the form has it.
  async refreshToken() {
    const response = await fetch(location.href).catch(() => null);
    if (!response?.ok) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const field = page.querySelector("[data-upload-form] [name=csrf_token]");
    if (!field) return false;
    this.token = field.value;
    return true;
  }
}

class Item {
  constructor(file, path, folder, tags) {
    Object.assign(this, { file, path, folder, tags });
    Object.assign(this, { state: "waiting", reason: "", part: 0, tries: 0, transfer: null, document: null });
  }
}
