// The search of the top bar: a slash leads to it from anywhere, Escape out of it.
export function startSearch() {
  const field = document.querySelector("[data-search] input[type=search]");
  if (!field) return;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !field.value) field.blur();
  });
}

// Whether letters belong to what has the focus.
export function isTyping(element) {
  return Boolean(element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]"));
}
