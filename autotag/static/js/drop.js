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

// Resolves to what was dropped, each file with the path of the folder that it lies in.
async function droppedFiles(transfer) {
  // The entries must be taken before the first await: afterwards the browser has let go of them.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files].map((file) => ({ file, path: "" }));
  const found = await Promise.all(entries.map((entry) => filesOf(entry, "")));
  return found.flat().filter(isWanted);
}

async function filesOf(entry, path) {
  if (entry.isFile) {
    return new Promise((resolve) => entry.file((file) => resolve([{ file, path }]), () => resolve([])));
  }
  const below = path ? `${path}/${entry.name}` : entry.name;
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A folder is read in parts of a hundred; an empty part is its end.
    const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!part.length) return found;
    found.push(...(await Promise.all(part.map((each) => filesOf(each, below)))).flat());
  }
}

// The same of a folder that was chosen in the browser's own dialog.
export function chosenFiles(files) {
  const found = [...files].map((file) => ({ file, path: file.webkitRelativePath.split("/").slice(0, -1).join("/") }));
  return found.filter(isWanted);
}

// What systems put into folders for themselves is nobody's document.
const LITTER = new Set([".ds_store", "thumbs.db", "desktop.ini"]);

function isWanted({ file, path }) {
  return !path || !LITTER.has(file.name.toLowerCase());
}
