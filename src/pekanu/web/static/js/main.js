// What every page runs: coming in, live regions, forms, the dialog, wallets, charts, times.
import { begin as beginLaunch } from "./launch.js";
import { begin as beginLive } from "./live.js";
import { begin as beginForms } from "./forms.js";
import { begin as beginStorage } from "./storage.js";
import { begin as beginDialog } from "./dialog.js";
import { begin as beginWallet } from "./wallet.js";
import { begin as beginPage } from "./page.js";
import { begin as beginTimes } from "./times.js";
import { drawAll } from "./chart.js";

if (document.body.hasAttribute("data-launch")) {
  beginLaunch();
} else {
  beginPage();
  beginTimes();
  beginDialog();
  beginForms();
  beginStorage();
  beginWallet();
  drawAll(document);
  beginLive(document.body.dataset.live);
}
// Everything listens now.
document.body.setAttribute("data-ready", "");
