// A field that offers names while one is typed, after the pattern of a combobox with a list: arrows choose, Enter
// takes, Escape closes. With several names, parted by commas, it is about the one at the end.
import { announce } from "./announce.js";
import { fetchJson } from "./polling.js";

const PATIENCE = 120;

export class Combobox {
  constructor(element) {
    this.address = element.dataset.suggestionsUrl;
    this.field = element.querySelector("input");
    this.list = element.querySelector("[role=listbox]");
    this.active = -1;
    this.timer = 0;
    if (!this.address) return;
    Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
    }).forEach(([name, value]) => this.field.setAttribute(name, value));
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.field.addEventListener("blur", () => this.close());
    // Before the field loses the focus, which would close the list.
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.take(option);
    });
  }

  get options() {
    return [...this.list.children];
  }

  get word() {
    return this.field.value.slice(this.field.value.lastIndexOf(",") + 1).trim();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PATIENCE);
  }

  async ask() {
    const word = this.word;
    if (!word) return this.close();
    const query = new URLSearchParams({ q: word });
    const answer = await fetchJson(`${this.address}?${query}`).catch(() => null);
    // An answer that comes late is about another word.
    if (!answer || word !== this.word || document.activeElement !== this.field) return;
    this.offer(answer.names);
  }

  offer(names) {
    const present = new Set(this.field.value.split(",").slice(0, -1).map((name) => name.trim().toLowerCase()));
    const offered = names.filter((name) => !present.has(name.toLowerCase()));
    if (!offered.length) return this.close();
    this.list.replaceChildren(...offered.map((name, number) => this.option(name, number)));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.choose(-1);
    announce(`${offered.length} ${offered.length === 1 ? "suggestion" : "suggestions"}`);
  }

  option(name, number) {
    const option = document.createElement("li");
    option.id = `${this.list.id}-${number}`;
    option.role = "option";
    option.className = "combobox-option";
    option.textContent = name;
    return option;
  }

  choose(number) {
    this.active = number;
    this.options.forEach((option, place) => option.setAttribute("aria-selected", String(place === number)));
    const chosen = this.options[number];
    if (chosen) {
      this.field.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else this.field.removeAttribute("aria-activedescendant");
  }

  pressed(event) {
    const count = this.list.hidden ? 0 : this.options.length;
    if (event.key === "Escape" && count) this.close();
    else if (event.key === "Enter" && count && this.active >= 0) this.take(this.options[this.active]);
    else if (event.key === "ArrowDown" && count) this.choose((this.active + 1) % count);
    else if (event.key === "ArrowDown") this.ask();
    else if (event.key === "ArrowUp" && count) this.choose((this.active <= 0 ? count : this.active) - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(option) {
    const before = this.field.value.slice(0, this.field.value.lastIndexOf(",") + 1);
    this.field.value = `${before}${before ? " " : ""}${option.textContent}, `;
    this.close();
  }

  close() {
    clearTimeout(this.timer);
    this.list.hidden = true;
    this.list.replaceChildren();
    this.active = -1;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }
}
