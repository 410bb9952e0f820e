// Tags that are given to files as they are uploaded: read from the field, refused before anything is sent.
export class UploadTags {
  constructor(field) {
    this.field = field;
    this.error = document.getElementById(field.getAttribute("aria-errormessage"));
    this.longest = Number(field.dataset.longest);
    this.forbidden = [...field.dataset.forbidden];
    field.addEventListener("input", () => this.show(""));
  }

  // Returns the tags, each once whatever its case, or null when one cannot be a tag: the field says why.
  read() {
    const names = new Map();
    for (const part of this.field.value.split(",")) {
      const name = part.normalize("NFC").replace(/\s+/g, " ").trim();
      if (!name) continue;
      const reason = this.refusal(name);
      if (reason) {
        this.show(reason);
        this.field.focus();
        return null;
      }
      names.set(name.toLowerCase(), name);
    }
    return [...names.values()];
  }

  refusal(name) {
    const length = [...name].length;
    if (length > this.longest) return `A tag has at most ${this.longest} characters; this one has ${length}.`;
    const wrong = this.forbidden.filter((letter) => name.includes(letter));
    return wrong.length ? `A tag cannot contain ${wrong.join(" ")}: ${name}` : "";
  }

  show(reason) {
    this.error.textContent = reason;
    this.error.hidden = !reason;
    this.field.setAttribute("aria-invalid", String(Boolean(reason)));
  }

  clear() {
    this.field.value = "";
    this.show("");
  }
}
