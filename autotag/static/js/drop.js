// Files dropped anywhere on the page, folders included.
export function startDropping(receive) {
  const overlay = document.querySelector("[data-drop-overlay]");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  // Enter and leave come for every element on the way; the overlay stays until as many have left.
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, depth + change);
    overlay.hidden = depth === 0;
  };

  addEventListener("dragenter", (event) => {
    if (carriesFiles(event)) show(1);
  });
  addEventListener("dragleave", (event) => {
    if (carriesFiles(event)) show(-1);
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(-depth);
    receive(await droppedFiles(event.dataTransfer));
  });
}

async function droppedFiles(transfer) {
  // The entries must be taken before the first await: afterwards the browser has let go of them.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = await Promise.all(entries.map(filesOf));
  return found.flat();
}

async function filesOf(entry) {
  if (entry.isFile) return new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A folder is read in parts of a hundred; an empty part is its end.
    const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!part.length) return found;
    found.push(...(await Promise.all(part.map(filesOf))).flat());
  }
}
