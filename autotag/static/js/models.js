// The list of models: state and button of each change while one is being installed.
import { announce } from "./announce.js";
import { fill } from "./fragments.js";
import { fetchJson, poll } from "./polling.js";

const list = document.querySelector("[data-models]");

function show(item, model) {
  fill(item.querySelector("[data-model-state]"), model.state);
  fill(item.querySelector("[data-model-actions]"), model.actions);
  const wasPending = "pending" in item.dataset;
  item.toggleAttribute("data-pending", model.pending);
  if (wasPending && !model.pending) announce(model.announcement);
}

async function update() {
  if (!list.querySelector("[data-pending]")) return false;
  const answer = await fetchJson(list.dataset.modelsUrl);
  if (!answer) return false;
  for (const item of list.querySelectorAll("[data-model]")) {
    const model = answer.models[item.dataset.model];
    if (model) show(item, model);
  }
  return answer.pending;
}

poll(update).wake();
