// Adding and removing tags without a reload. Each form also works without this.
import { announce } from "./announce.js";
import { Combobox } from "./combobox.js";
import { show } from "./document_parts.js";

const FADE = 150;
const section = document.querySelector("[data-tags]");
const notices = section.querySelector("[data-tag-notices]");
const adding = section.querySelector("[data-add-tags]");

export function startTagEditor(live) {
  if (!adding) return;
  const combobox = new Combobox(adding.querySelector("[data-combobox]"));
  section.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches("[data-add-tags]")) handle(event, () => add(form, combobox));
    else if (form.matches("[data-remove-tags]")) handle(event, () => remove(form, event.submitter));
    else if (form.matches("[data-undo]")) handle(event, () => undo(form));
    live.wake();
  });
}

function handle(event, act) {
  event.preventDefault();
  const form = event.target;
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  act().finally(() => form.removeAttribute("aria-busy"));
}

async function add(form, combobox) {
  const field = form.elements.names;
  combobox.close();
  const answer = await send(form, new FormData(form));
  if (!answer.parts) return refuse(answer.detail ?? "The tags could not be added. Try again.");
  refuse("");
  field.value = "";
  show(answer);
  announce("Added");
  field.focus();
}

async function remove(form, button) {
  const body = new FormData(form, button);
  const chip = button.closest(".chip");
  const place = [...form.querySelectorAll(".chip-remove")].indexOf(button);
  chip.classList.add("is-leaving");
  const [answer] = await Promise.all([send(form, body), new Promise((resolve) => setTimeout(resolve, FADE))]);
  if (!answer.parts) {
    chip.classList.remove("is-leaving");
    return refuse(answer.detail ?? "The tag could not be removed. Try again.");
  }
  show(answer);
  if (answer.notice) notices.insertAdjacentHTML("beforeend", answer.notice);
  const left = section.querySelectorAll(".chip-remove");
  (left[Math.min(place, left.length - 1)] ?? adding.elements.names).focus({ preventScroll: true });
}

async function undo(form) {
  const answer = await send(form, new FormData(form));
  if (!answer.parts) return refuse(answer.detail ?? "It could not be undone. Try again.");
  show(answer);
  form.remove();
  announce("Undone");
  (section.querySelector(".chip-remove") ?? adding.elements.names).focus({ preventScroll: true });
}

function refuse(reason) {
  adding.querySelector("[data-tag-error]").textContent = reason;
  const field = adding.elements.names;
  field.classList.toggle("is-invalid", Boolean(reason));
  field.setAttribute("aria-invalid", String(Boolean(reason)));
  if (reason) announce(reason);
}

// Resolves to the answer, or to a problem with its `detail`.
async function send(form, body) {
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
    return await response.json();
  } catch {
    return {};
  }
}
