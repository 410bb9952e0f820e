// The panel beside the list: what is known of the file that has the focus, opened and closed with the letter i.
import { announce } from "./announce.js";
import { fill } from "./fragments.js";
import { fetchJson } from "./polling.js";
import { isTyping } from "./search.js";

const panel = document.querySelector("[data-info-panel]");
const toggle = document.querySelector("[data-info-toggle]");
const grid = document.querySelector("[data-document-grid]");
let shown = "";
let last = "";

function cardOf(element) {
  return element.closest?.("[data-card]")?.dataset.card ?? "";
}

function cardWith(id) {
  return grid.querySelector(`[data-card="${id}"]`);
}

// The panel's own address is beside the one that renders the list's cards, and carries the same arguments.
function addressOf(id) {
  const cards = new URL(grid.dataset.cardsUrl, location.href);
  return `${cards.pathname.replace(/cards$/, id)}/panel${cards.search}`;
}

async function show(id) {
  if (!id || id === shown) return;
  shown = id;
  const answer = await fetchJson(addressOf(id)).catch(() => null);
  // Somebody has gone on to another file meanwhile.
  if (shown !== id || panel.hidden) return;
  if (!answer) {
    shown = "";
    hint("The details of this file cannot be had now.");
    return;
  }
  fill(panel, answer.html);
  announce(`Details of ${panel.querySelector(".panel-title")?.textContent.trim()}`);
}

function hint(text) {
  const words = document.createElement("p");
  words.className = "info-hint";
  words.textContent = text;
  panel.replaceChildren(words);
}

function open() {
  panel.hidden = false;
  toggle.setAttribute("aria-pressed", "true");
  const id = cardOf(document.activeElement) || (cardWith(last) ? last : "");
  if (id) show(id);
  else hint("Choose a file to see its details.");
}

function close() {
  const hadFocus = panel.contains(document.activeElement);
  panel.hidden = true;
  shown = "";
  toggle.setAttribute("aria-pressed", "false");
  if (hadFocus) (cardWith(last)?.querySelector(".card-link") ?? toggle).focus();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "i") (panel.hidden ? open : close)();
  else if (event.key === "Escape" && !panel.hidden && !event.defaultPrevented) close();
}

function focused(event) {
  const id = cardOf(event.target);
  if (!id) return;
  last = id;
  if (!panel.hidden) show(id);
}

if (panel && toggle && grid) {
  toggle.addEventListener("click", () => (panel.hidden ? open : close)());
  panel.addEventListener("click", (event) => {
    if (event.target.closest("[data-info-close]")) close();
  });
  grid.addEventListener("focusin", focused);
  document.addEventListener("keydown", pressed);
}
