// Browser wallets: found by EIP-6963, spoken to by EIP-1193, signed in by EIP-4361.
import { call } from "./request.js";

const CHOSEN = "pekanu-wallet";
const UNKNOWN_CHAIN = 4902;
const REJECTED = 4001;
const wallets = new Map();

/** Listen for wallets; nothing is asked of them before a click. */
export function begin() {
  addEventListener("eip6963:announceProvider", (event) => {
    wallets.set(event.detail.info.uuid, event.detail);
    list();
  });
  dispatchEvent(new Event("eip6963:requestProvider"));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-wallet], button[data-wallet-request], button[data-wallet-leave]");
    if (!button) return;
    button.disabled = true;
    try {
      if (button.dataset.wallet) await signIn(wallets.get(button.dataset.wallet));
      else if (button.dataset.walletRequest) await perform(button.dataset.walletRequest);
      else {
        await call("/api/wallet/leave", {});
        location.reload();
      }
    } catch (error) {
      tell(error.code === REJECTED ? "It was rejected in the wallet." : error.message);
    } finally {
      button.disabled = false;
    }
  });
}

// Names are other people's text, icons only pictures.
function list() {
  const place = document.getElementById("wallets");
  if (!place) return;
  place.replaceChildren(...[...wallets.values()].map(({ info }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.wallet = info.uuid;
    button.textContent = `Sign in with ${info.name}`;
    const item = document.createElement("li");
    if (String(info.icon).startsWith("data:image/")) {
      const icon = document.createElement("img");
      icon.src = info.icon;
      icon.alt = "";
      icon.width = icon.height = 24;
      item.append(icon);
    }
    item.append(button);
    return item;
  }));
}

async function signIn({ info, provider }) {
  const [account] = await provider.request({ method: "eth_requestAccounts" });
  await switchChain(provider);
  const { message } = await call("/api/wallet/nonce", { address: account });
  const signature = await provider.request({ method: "personal_sign", params: [toHex(message), account] });
  await call("/api/wallet/verify", { message, signature });
  localStorage.setItem(CHOSEN, info.rdns);
  location.reload();
}

/** Let the wallet do what waits under an id, after showing it is still possible. */
export async function perform(id) {
  const wanted = await call(`/api/requests/${id}`);
  const provider = find();
  await switchChain(provider);
  const [account] = await provider.request({ method: "eth_requestAccounts" });
  if (account.toLowerCase() !== wanted.account.toLowerCase()) {
    throw new Error(`The wallet acts as ${account} now; choose ${wanted.account} in it.`);
  }
  if (wanted.refusal) throw new Error(`${wanted.refusal}. ${wanted.refusal_hint}`);
  try {
    if (wanted.kind === "transaction") {
      const hash = await provider.request({ method: "eth_sendTransaction", params: [wanted.transaction] });
      tell("Sent; waiting for the chain.");
      await call(`/api/requests/${id}`, { hash });
      follow(hash);
    } else {
      const params = [account, JSON.stringify(wanted.typed_data)];
      const signature = await provider.request({ method: "eth_signTypedData_v4", params });
      await call(`/api/requests/${id}`, { signature });
      tell("Signed.");
    }
  } catch (error) {
    if (error.code === REJECTED) await call(`/api/requests/${id}`, { rejected: true });
    throw error;
  }
}

async function follow(hash) {
  let block = 0;
  for (let looks = 0; looks < 600; looks += 1) {
    const state = await call(`/api/transactions/${hash}?block=${block}`);
    tell(`Transaction ${hash.slice(0, 10)}…: ${state.name}, ${state.text}${state.reason ? `: ${state.reason}` : ""}`);
    if (["final", "reverted", "replaced"].includes(state.name)) return;
    block = state.block ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function find() {
  const chosen = localStorage.getItem(CHOSEN);
  const found = [...wallets.values()].find(({ info }) => info.rdns === chosen);
  if (!found) throw new Error("The wallet that signed in is not in this browser; sign in again.");
  return found.provider;
}

async function switchChain(provider) {
  const { chainId, chainName, chainRpc } = document.body.dataset;
  const wanted = `0x${Number(chainId).toString(16)}`;
  if (BigInt(await provider.request({ method: "eth_chainId" })) === BigInt(wanted)) return;
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: wanted }] });
  } catch (error) {
    const code = error.data?.originalError?.code ?? error.code;
    if (code !== UNKNOWN_CHAIN || !chainRpc) throw error;
    const chain = {
      chainId: wanted,
      chainName,
      rpcUrls: [chainRpc],
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    };
    await provider.request({ method: "wallet_addEthereumChain", params: [chain] });
  }
}

function tell(text) {
  document.getElementById("wallet-status").textContent = text;
}

function toHex(text) {
  return `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
