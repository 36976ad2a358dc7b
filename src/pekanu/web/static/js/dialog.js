// The dialog before anything is signed: the server shows what the exact bytes say.
import { getFields, send } from "./request.js";
import { perform } from "./wallet.js";

const dialog = document.getElementById("dialog");

/** Open the dialog for each form that names a review. */
export function begin() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.review) {
      event.preventDefault();
      review(form.dataset.review, getFields(form));
    } else if (dialog.contains(form) && form.method === "post") {
      event.preventDefault();
      confirm(form);
    }
  });
}

/** Show the review at an address. */
export async function review(path, fields) {
  const answer = await send(path, fields);
  dialog.innerHTML = await answer.text();
  if (!answer.ok) appendClose();
  if (!dialog.open) dialog.showModal();
}

async function confirm(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    if (form.dataset.walletRequest) {
      await perform(form.dataset.walletRequest);
      dialog.close();
      return;
    }
    // A wallet is asked for more meanwhile, above the page.
    if (form.dataset.signer === "wallet") dialog.close();
    const answer = await send(form.getAttribute("action"), getFields(form));
    if (answer.ok) {
      location.assign(answer.url);
      return;
    }
    dialog.innerHTML = await answer.text();
    appendClose();
    if (!dialog.open) dialog.showModal();
  } catch (error) {
    button.disabled = false;
    showProblem(form, error.message);
  }
}

function appendClose() {
  const form = document.createElement("form");
  form.method = "dialog";
  const button = document.createElement("button");
  button.textContent = "Close";
  form.append(button);
  dialog.append(form);
}

/** Say what went wrong beside a form. */
export function showProblem(form, message) {
  form.querySelectorAll(".problem").forEach((one) => one.remove());
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  problem.textContent = message;
  form.append(problem);
}
