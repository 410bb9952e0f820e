// One file in the panel of uploads: its name, how far it is, what became of it, and what can be done about it.
export class UploadRow {
  constructor(item, template, { cancel, retry }) {
    this.item = item;
    this.element = template.content.cloneNode(true).firstElementChild;
    this.bar = this.element.querySelector("progress");
    this.status = this.element.querySelector(".upload-status");
    const { name } = item.file;
    const place = item.path ? `${item.path}/${name}` : name;
    this.name = this.element.querySelector(".upload-name");
    this.name.textContent = name;
    this.name.title = place;
    this.bar.setAttribute("aria-label", place);
    this.button(".upload-retry", `Retry ${name}`, retry);
    this.button(".upload-cancel", `Cancel ${name}`, cancel);
    this.update();
  }

  button(selector, label, act) {
    const button = this.element.querySelector(selector);
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => {
      act(this.item);
      this.update();
      // The button may be gone now; whoever pressed it by keyboard goes on from its row.
      if (!button.checkVisibility()) this.element.focus({ preventScroll: true });
    });
  }

  update() {
    const { state, reason, part, document: stored } = this.item;
    this.bar.value = part;
    if (state === this.state && reason === this.reason) return;
    Object.assign(this, { state, reason });
    this.element.dataset.state = state;
    this.status.textContent = reason;
    if (state === "done") this.finish(stored);
  }

  finish(stored) {
    this.name.replaceChildren(linkTo(stored.url, this.item.file.name));
    if (!stored.same_content) return;
    const { url, title } = stored.same_content;
    this.status.replaceChildren("Same content as ", linkTo(url, title));
  }
}

function linkTo(address, text) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = text;
  return link;
}
