// Browser wallets: found by EIP-6963, spoken to by EIP-1193, signed in by EIP-4361.
import { say as tell } from "./page.js";
import { call } from "./request.js";

const CHOSEN = "pekanu-wallet";
const UNKNOWN_CHAIN = 4902;
/** The code with which a wallet says no. Source: EIP-1193. */
export const REJECTED = 4001;
const wallets = new Map();

/** Listen for wallets; nothing is asked of them before a click. */
export function begin() {
  addEventListener("eip6963:announceProvider", (event) => {
    const isNew = !wallets.has(event.detail.info.uuid);
    wallets.set(event.detail.info.uuid, event.detail);
    list();
    if (isNew) watch(event.detail);
  });
  dispatchEvent(new Event("eip6963:requestProvider"));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-wallet], button[data-wallet-leave]");
    if (!button) return;
    button.disabled = true;
    try {
      if (button.dataset.wallet) await signIn(wallets.get(button.dataset.wallet));
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

// The wallet that signed in may turn to another account or chain: the page says so, and asks the
// server for nothing that the wallet would not sign.
function watch({ info, provider }) {
  const { walletAccount, chainId } = document.body.dataset;
  if (!walletAccount || info.rdns !== localStorage.getItem(CHOSEN) || !provider.on) return;
  provider.on("accountsChanged", ([account]) => {
    if (!account) tell("The wallet is locked, or gave this page up.");
    else if (account.toLowerCase() !== walletAccount.toLowerCase()) tell(describeOther(account, walletAccount));
    else tell("The wallet acts as the account of this page again.");
  });
  provider.on("chainChanged", (chain) => {
    if (BigInt(chain) !== BigInt(chainId)) tell("The wallet is on another chain now; it is asked to change before it signs.");
  });
  provider.on("disconnect", () => tell("The wallet does not reach its chain."));
}

function describeOther(account, wanted) {
  return `The wallet acts as ${account} now; choose ${wanted} in it, or sign in again.`;
}

// Names are other people's text, icons only pictures.
function list() {
  const place = document.getElementById("wallets");
  if (!place) return;
  document.getElementById("no-wallets").hidden = wallets.size > 0;
  place.replaceChildren(...[...wallets.values()].map(({ info }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
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
    throw new Error(describeOther(account, wanted.account));
  }
  if (wanted.refusal) throw new Error(`${wanted.refusal}. ${wanted.refusal_hint}`);
  try {
    if (wanted.kind === "transaction") {
      const hash = await provider.request({ method: "eth_sendTransaction", params: [wanted.transaction] });
      tell("Sent; the head of the page shows how it goes.");
      await call(`/api/requests/${id}`, { hash });
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

function toHex(text) {
  return `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
