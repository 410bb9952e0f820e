// What every page for signed-in people starts.
import { localizeTimes } from "./fragments.js";
import { startFrame } from "./frame.js";
import { startSearch } from "./search.js";
import { startUploads } from "./uploads.js";

startFrame();
startSearch();
startUploads();
localizeTimes(document);
