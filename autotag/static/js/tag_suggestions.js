// Offers the names of tags while one is typed, in the browser's own list.
import { fetchJson } from "./polling.js";

const field = document.querySelector("[data-tag-suggestions]");
let asked = "";

async function suggest() {
  const typed = field.value.trim();
  if (typed === asked) return;
  asked = typed;
  const answer = await fetchJson(`${field.dataset.tagSuggestions}?${new URLSearchParams({ q: typed })}`).catch(() => null);
  // An answer to what is no longer typed comes too late.
  if (!answer || asked !== typed) return;
  field.list.replaceChildren(...answer.names.map((name) => new Option(name, name)));
}

field?.addEventListener("input", suggest);
