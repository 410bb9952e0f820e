// The arrow keys lead to the documents beside this one, unless they mean something where the focus is.
const OWN_ARROWS = "input, textarea, select, summary, [contenteditable], [role=listbox], [role=combobox], [role=menu]";

export function startSteps() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.(OWN_ARROWS) || document.querySelector("dialog[open]")) return;
    const link = document.querySelector(`[data-step="${event.key}"]`);
    if (!link) return;
    event.preventDefault();
    location.assign(link.href);
  });
}
