// The form of a settings entry: unsaved changes are told, warned about, and kept until they are saved or dropped.
const form = document.querySelector("[data-settings-form]");
const mark = form.querySelector("[data-unsaved-mark]");
const key = `autotag-draft:${form.dataset.draft}`;
const isRefused = "unsaved" in form.dataset;
// Keys are never kept in the browser.
const controls = [...form.elements].filter(
  (control) => control.name && control.type !== "hidden" && control.type !== "password",
);
const secrets = [...form.elements].filter((control) => control.type === "password");
let isLeaving = false;

function values() {
  return controls.map((control) => (control.type === "checkbox" ? control.checked : control.value));
}

// What the page came with: somebody may have typed before this script was there.
const stored = JSON.stringify(controls.map(initial));

function initial(control) {
  if (control.type === "checkbox") return control.defaultChecked;
  if (control.options) return [...control.options].find((option) => option.defaultSelected)?.value ?? control.value;
  return control.defaultValue;
}

function isChanged() {
  return isRefused || JSON.stringify(values()) !== stored || secrets.some((control) => control.value);
}

function drop() {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Forbidden storage keeps nothing that could be dropped.
  }
}

function keep() {
  try {
    if (isChanged()) sessionStorage.setItem(key, JSON.stringify(values()));
    else sessionStorage.removeItem(key);
  } catch {
    // Forbidden storage costs the draft, not the form.
  }
  show();
}

function show() {
  mark.textContent = isChanged() ? "Unsaved changes" : "";
}

function restore() {
  let draft = null;
  try {
    draft = JSON.parse(sessionStorage.getItem(key));
  } catch {
    return;
  }
  if (isChanged() || !Array.isArray(draft) || draft.length !== controls.length) return;
  controls.forEach((control, number) => {
    if (control.type === "checkbox") control.checked = draft[number] === true;
    else control.value = String(draft[number]);
  });
}

form.addEventListener("input", keep);
form.addEventListener("submit", () => {
  isLeaving = true;
  drop();
});
document.querySelector("[data-settings-cancel]").addEventListener("click", () => {
  isLeaving = true;
  drop();
});
addEventListener("beforeunload", (event) => {
  if (!isLeaving && isChanged()) event.preventDefault();
});

restore();
if (isRefused) show();
else keep();
