// The panel of uploads: a row for each file, how far all of them are, and what concerns all of them.
import { announce } from "./announce.js";
import { UploadRow } from "./upload_row.js";

// From here on a file gets its row when it is its turn: a drop of ten thousand must not hold the page up.
const MOST_ROWS = 1000;
const LONG_SECONDS = 10;

export class UploadPanel {
  constructor(element, queue) {
    this.element = element;
    this.queue = queue;
    this.rows = new Map();
    this.changed = new Set();
    this.template = document.getElementById("upload-row");
    const part = (name) => element.querySelector(`[data-upload-${name}]`);
    Object.assign(this, { list: part("list"), title: part("title"), rest: part("rest"), bar: part("bar") });
    Object.assign(this, { detail: part("detail"), retryAll: part("retry-all"), cancelAll: part("cancel-all") });
    this.signIn = part("sign-in");
    this.foldButton = part("fold");
    this.retryAll.addEventListener("click", () => this.moveOn(() => queue.retryInterrupted()));
    this.cancelAll.addEventListener("click", () => this.moveOn(() => queue.cancelAll()));
    this.foldButton.addEventListener("click", () => this.fold(!this.list.hidden));
    part("close").addEventListener("click", () => this.close());
  }

  // Shows a new batch; what was there before goes when nothing in it needs a person.
  add(items) {
    const rows = document.createDocumentFragment();
    for (const item of items) {
      if (this.rows.size >= MOST_ROWS) break;
      rows.append(this.rowOf(item).element);
    }
    this.list.append(rows);
    this.element.hidden = false;
    this.update();
  }

  rowOf(item) {
    let row = this.rows.get(item);
    if (!row) {
      const acts = { cancel: (one) => this.queue.cancel(one), retry: (one) => this.queue.retry([one]) };
      row = new UploadRow(item, this.template, acts);
      this.rows.set(item, row);
    }
    return row;
  }

  // Notes a change; all that come before the next frame are shown at once.
  note(item) {
    if (!this.changed.size) requestAnimationFrame(() => this.update());
    this.changed.add(item);
  }

  update() {
    const troubled = [...this.changed].filter((item) => this.show(item));
    this.changed.clear();
    // What needs a person stands first, wherever the list is scrolled to at the end.
    this.list.prepend(...troubled.map((item) => this.rows.get(item).element));
    this.summarise();
  }

  // Brings a row up to date; returns whether something went wrong with its file just now.
  show(item) {
    const isNew = !this.rows.has(item);
    // Nothing to show of one among thousands that still waits.
    if (isNew && item.state === "waiting") return false;
    const row = this.rowOf(item);
    const before = row.element.dataset.state;
    row.update();
    if (isNew) this.list.append(row.element);
    if (before === item.state && !isNew) return false;
    if (item.state === "sending") this.follow(row.element);
    return item.state === "refused" || item.state === "interrupted";
  }

  // Scrolls to what is being sent, unless somebody is looking at the list.
  follow(element) {
    if (this.list.matches(":hover, :focus-within")) return;
    const { top, bottom } = element.getBoundingClientRect();
    const frame = this.list.getBoundingClientRect();
    if (bottom > frame.bottom) this.list.scrollTop += bottom - frame.bottom;
    else if (top < frame.top) this.list.scrollTop += top - frame.top;
  }

  summarise() {
    const { queue } = this;
    const { counts, bytes, unfinished, failed } = queue;
    const total = queue.items.length - counts.cancelled;
    const title = unfinished
      ? `Uploading: ${counts.done} of ${files(total)} done`
      : endText(counts.done, failed);
    setText(this.title, title);
    this.bar.hidden = !unfinished;
    this.bar.value = bytes.total ? bytes.sent / bytes.total : 0;
    setText(this.detail, unfinished ? this.progressText(failed) : cancelledText(counts.cancelled));
    this.cancelAll.hidden = !unfinished;
    this.retryAll.hidden = counts.interrupted < 2;
    this.signIn.hidden = !queue.hasEnded;
    const rest = queue.items.length - this.rows.size;
    setText(this.rest, rest > 0 ? `and ${files(rest)} more` : "");
  }

  progressText(failed) {
    const parts = [];
    if (failed) parts.push(`${failed} not uploaded`);
    const left = this.queue.secondsLeft;
    if (left !== null && left > LONG_SECONDS) parts.push(duration(left));
    return parts.join(" · ");
  }

  end() {
    this.update();
    if (!this.list.matches(":focus-within")) this.list.scrollTop = 0;
    announce(this.title.textContent);
  }

  // Says something that concerns no file of the list, unless files are on their way.
  say(text) {
    if (this.queue.unfinished) return;
    this.queue.clear();
    this.clear();
    this.element.hidden = false;
    this.summarise();
    setText(this.title, text);
    announce(text);
  }

  // Does what the pressed button is for, which may hide the button: the focus stays in the panel.
  moveOn(act) {
    act();
    this.update();
    this.title.focus();
  }

  fold(folded) {
    this.list.hidden = folded;
    this.rest.hidden = folded;
    this.foldButton.setAttribute("aria-expanded", String(!folded));
  }

  clear() {
    this.rows.clear();
    this.changed.clear();
    this.list.replaceChildren();
  }

  close() {
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    if (hadFocus) document.querySelector("[data-upload-open]")?.focus();
    // What is under way goes on; the panel comes back with the next file.
    if (this.queue.unfinished) return;
    this.queue.clear();
    this.clear();
  }
}

function files(number) {
  return `${number.toLocaleString("en")} ${number === 1 ? "file" : "files"}`;
}

function endText(done, failed) {
  if (failed && !done) return `${files(failed)} not uploaded`;
  return `${files(done)} uploaded${failed ? `, ${failed} not` : ""}`;
}

function cancelledText(number) {
  return number ? `${number.toLocaleString("en")} cancelled` : "";
}

function duration(seconds) {
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 3600) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
