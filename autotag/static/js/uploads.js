// Uploading with progress: a queue that sends three files at a time, and the panel that shows it.
import { announce } from "./announce.js";
import { startDropping } from "./drop.js";
import { sendFile } from "./transfer.js";

const PARALLEL = 3;

export function startUploads() {
  const form = document.querySelector("[data-upload-form]");
  const panel = document.querySelector("[data-upload-panel]");
  if (!form || !panel) return;
  const uploads = new Uploads(form, panel);
  const picker = form.querySelector("input[type=file]");

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-upload-open]")) return;
    // Without scripts the button opens the sheet with the plain form.
    event.preventDefault();
    picker.click();
  });
  picker.addEventListener("change", () => {
    uploads.add([...picker.files]);
    picker.value = "";
    // It is open when the button was pressed before this script was there.
    if (form.matches(":popover-open")) form.hidePopover();
  });
  startDropping((files) => uploads.add(files));
}

class Uploads {
  constructor(form, panel) {
    this.address = form.action;
    this.token = form.elements.csrf_token.value;
    this.panel = panel;
    this.title = panel.querySelector("[data-upload-title]");
    this.list = panel.querySelector("[data-upload-list]");
    this.rowTemplate = document.getElementById("upload-row");
    this.rows = [];
    this.waiting = [];
    this.running = 0;
    panel.querySelector("[data-upload-close]").addEventListener("click", () => this.close());
    addEventListener("beforeunload", (event) => {
      if (this.unfinished) event.preventDefault();
    });
  }

  get unfinished() {
    return this.running + this.waiting.length;
  }

  add(files) {
    if (!files.length) return;
    if (!this.unfinished && this.rows.every((row) => row.state === "done")) this.clear();
    for (const file of files) {
      const row = new Row(file, this.rowTemplate, () => this.retry(row));
      this.rows.push(row);
      this.waiting.push(row);
      this.list.append(row.element);
    }
    this.panel.hidden = false;
    this.pump();
  }

  retry(row) {
    row.show("waiting");
    this.waiting.push(row);
    this.pump();
  }

  pump() {
    while (this.running < PARALLEL && this.waiting.length) this.send(this.waiting.shift());
    this.showTitle();
  }

  async send(row) {
    this.running += 1;
    row.show("sending");
    row.element.scrollIntoView({ block: "nearest" });
    const { address, token } = this;
    const result = await sendFile(row.file, { address, token, onProgress: (part) => row.progress(part) });
    this.running -= 1;
    row.finish(result);
    if (result.state === "done") {
      document.dispatchEvent(new CustomEvent("autotag:uploaded", { detail: result.document }));
    } else {
      // What needs a person stands first, wherever the list is scrolled to at the end.
      this.list.prepend(row.element);
    }
    this.pump();
    if (!this.unfinished) this.end();
  }

  end() {
    this.list.scrollTop = 0;
    announce(this.title.textContent);
  }

  showTitle() {
    const count = (state) => this.rows.filter((row) => row.state === state).length;
    const done = count("done");
    const failed = count("refused") + count("interrupted");
    const files = (number) => `${number} ${number === 1 ? "file" : "files"}`;
    if (this.unfinished) {
      this.title.textContent = `Uploading: ${done + failed} of ${files(this.rows.length)} done`;
    } else if (failed) {
      this.title.textContent = `${files(done)} uploaded, ${failed} not`;
    } else {
      this.title.textContent = `${files(done)} uploaded`;
    }
  }

  clear() {
    this.rows = [];
    this.list.replaceChildren();
  }

  close() {
    this.panel.hidden = true;
    // What is under way goes on; the panel comes back with the next file.
    if (!this.unfinished) this.clear();
  }
}

class Row {
  constructor(file, template, onRetry) {
    this.file = file;
    this.element = template.content.cloneNode(true).firstElementChild;
    this.bar = this.element.querySelector("progress");
    this.status = this.element.querySelector(".upload-status");
    const name = this.element.querySelector(".upload-name");
    name.textContent = file.name;
    name.title = file.name;
    this.bar.setAttribute("aria-label", file.name);
    const retry = this.element.querySelector("button");
    retry.setAttribute("aria-label", `Retry ${file.name}`);
    retry.addEventListener("click", onRetry);
    this.show("waiting");
  }

  show(state, reason = "") {
    this.state = state;
    this.element.dataset.state = state;
    this.status.textContent = reason;
    if (state === "waiting") this.bar.value = 0;
  }

  progress(part) {
    this.bar.value = part;
  }

  finish(result) {
    this.show(result.state, result.reason);
    if (result.state !== "done") return;
    const link = document.createElement("a");
    link.href = result.document.url;
    link.textContent = this.file.name;
    this.element.querySelector(".upload-name").replaceChildren(link);
  }
}
