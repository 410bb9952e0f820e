// The parts of a document's page that the server renders anew while one looks at it.
import { fill } from "./fragments.js";

const page = document.querySelector("[data-document]");

// Puts the parts of an answer in their places; whoever has the focus inside keeps it.
export function show(answer) {
  for (const [name, html] of Object.entries(answer.parts)) {
    const place = document.querySelector(`[data-part="${name}"]`);
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    fill(place, withCurrentTokens(html));
    if (focused && !focused.isConnected) sameControl(place, focused)?.focus({ preventScroll: true });
  }
  if (answer.pending) page.dataset.pending = "";
  else delete page.dataset.pending;
}

// A token is signed anew for each answer, though the former one is as good: it must not make a part look changed.
function withCurrentTokens(html) {
  const current = document.querySelector('input[name="csrf_token"]')?.value;
  if (!current) return html;
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const input of template.content.querySelectorAll('input[name="csrf_token"]')) {
    input.setAttribute("value", current);
  }
  return template.innerHTML;
}

function sameControl(place, former) {
  const isSame = (one) => one.tagName === former.tagName && one.value === former.value && one.textContent === former.textContent;
  return [...place.querySelectorAll("a, button, summary")].find(isSame);
}
