// What every page for signed-in people starts.
import { localizeTimes } from "./fragments.js";
import { startFrame } from "./frame.js";
import { startUploads } from "./uploads.js";

startFrame();
startUploads();
localizeTimes(document);
