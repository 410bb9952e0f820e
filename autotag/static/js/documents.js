// The grid: cards that change while their files are tagged, new cards in front, more cards at the end.
import { announce } from "./announce.js";
import { elementFrom } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const AT_ONCE = 100;

const grid = document.querySelector("[data-document-grid]");
const count = document.querySelector("[data-document-count]");
const live = poll(update);
let turn = 0;

// With more cards waiting than one request may name, they take turns.
function nextIds() {
  const ids = [...grid.querySelectorAll("[data-pending]")].map((card) => card.dataset.card);
  const first = turn < ids.length ? turn : 0;
  turn = first + AT_ONCE;
  return ids.slice(first, first + AT_ONCE);
}

async function update() {
  const ids = nextIds();
  if (!ids.length) return false;
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  const answer = await fetchJson(`${grid.dataset.cardsUrl}?${query}`);
  if (!answer) return false;
  const finished = ids.map((id) => replaceCard(id, answer.cards[id])).filter(Boolean);
  if (finished.length > 3) announce(`${finished.length} files are ready`);
  else announce(finished.join(". "));
  return Boolean(grid.querySelector("[data-pending]"));
}

// Puts a card in place of its former self; returns what to announce when it came to its end.
function replaceCard(id, html) {
  const former = grid.querySelector(`[data-card="${id}"]`);
  if (!former) return "";
  if (!html) {
    former.remove();
    return "";
  }
  const card = elementFrom(html);
  if (card.dataset.version === former.dataset.version) return "";
  keepPicture(former, card);
  const focused = former.contains(document.activeElement) && document.activeElement;
  former.replaceWith(card);
  if (focused) card.querySelector(focused.matches(".card-check") ? ".card-check" : "a").focus({ preventScroll: true });
  return "pending" in card.dataset ? "" : card.dataset.announcement;
}

// The same picture in a new element would blink.
function keepPicture(former, card) {
  const before = former.querySelector(".picture");
  const after = card.querySelector(".picture");
  if (before && after && before.src === after.src) after.replaceWith(before);
}

function addCard({ card }) {
  document.querySelector("[data-empty-state]")?.remove();
  grid.hidden = false;
  grid.prepend(elementFrom(card));
  const total = Number(count.dataset.documentCount) + 1;
  count.dataset.documentCount = total;
  count.textContent = `${total.toLocaleString("en")} ${total === 1 ? "file" : "files"}`;
  live.wake();
}

async function loadMore(event) {
  const link = event.target.closest("[data-load-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  const response = await fetch(link.href).catch(() => null);
  // Whatever went wrong, the page itself will say.
  if (!response?.ok || response.redirected) return location.assign(link.href);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const cards = [...page.querySelectorAll("[data-card]")].filter(
    (card) => !grid.querySelector(`[data-card="${card.dataset.card}"]`),
  );
  grid.append(...cards);
  const next = page.querySelector("[data-load-more]");
  if (next) link.replaceWith(next);
  else link.parentElement.remove();
  cards[0]?.querySelector("a").focus({ preventScroll: true });
  announce(`${cards.length} more files`);
  live.wake();
}

document.addEventListener("autotag:uploaded", (event) => addCard(event.detail));
document.addEventListener("click", loadMore);
live.wake();
