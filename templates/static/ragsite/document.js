// A document's page: a passage that is chosen is marked and shown beside the list, passages are edited in dialogs, and a file that is
// dropped or chosen becomes the new version.
const page = document.getElementById("document");
const byId = (id) => document.getElementById(id);

// --- Passages ---

function choose(passage, address) {
  document.querySelectorAll(".rag-doc-passage[data-chosen]").forEach((one) => {
    one.removeAttribute("data-chosen");
    one.querySelector(".rag-doc-choose").removeAttribute("aria-current");
  });
  passage.dataset.chosen = "";
  passage.querySelector(".rag-doc-choose").setAttribute("aria-current", "true");
  history.replaceState(history.state, "", address);
}

function openEdit(button) {
  const passage = button.closest(".rag-doc-passage");
  const dialog = byId(`document-${button.dataset.edits}`);
  const { start, end, text } = dialog.querySelector("form").elements;
  start.value = passage.dataset.start;
  end.value = passage.dataset.end;
  const shown = passage.querySelector(".rag-doc-passage-text").textContent;
  if (text) text.value = button.dataset.edits === "edit" ? shown : "";
  dialog.showModal();
  if (text) text.focus();
}

document.addEventListener("click", (event) => {
  const edits = event.target.closest("[data-edits]");
  if (edits) return openEdit(edits);
  const passage = event.target.closest(".rag-doc-passage");
  const link = event.target.closest(".rag-doc-choose");
  if (passage && link) choose(passage, link.href);
  // A click anywhere on a passage chooses it, unless some of its text is being selected.
  else if (passage && !event.target.closest("a, button") && !String(getSelection())) passage.querySelector(".rag-doc-choose").click();
});

document.querySelector(".rag-doc-passage[data-chosen]")?.scrollIntoView({ block: "nearest" });

// --- A new version ---

const fileField = byId("document-file");
const word = (name) => byId("document-words").content.querySelector(`[data-word="${name}"]`).textContent;

function say(sentence, isBad) {
  const said = document.createElement("p");
  said.className = `rag-notice${isBad ? " rag-notice-bad" : ""}`;
  said.textContent = sentence;
  byId("document-notice").replaceChildren(said);
}

async function send(files) {
  if (files.length !== 1) return say(word("many"), true);
  if (files[0].size > Number(page.dataset.limitBytes)) return say(word("large"), true);
  say(word("sending"), false);
  const form = new FormData();
  form.append("uploads", files[0]);
  try {
    const headers = { "X-CSRFToken": page.dataset.token };
    const response = await fetch(page.dataset.uploadUrl, { method: "POST", body: form, headers });
    if (!response.ok) throw new Error(response.status);
    // Markup of the server's own template, which has escaped what it names.
    const told = new DOMParser().parseFromString(await response.text(), "text/html").body;
    const wasTaken = told.firstElementChild.dataset.taken === "1";
    byId("document-notice").replaceChildren(...told.childNodes);
    if (wasTaken) location.assign(location.pathname);
  } catch {
    say(word("lost"), true);
  }
}

if (fileField) {
  fileField.addEventListener("change", () => {
    if (fileField.files.length) send(fileField.files);
    fileField.value = "";
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-chooses]")) fileField.click();
  });

  const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const turn = (by) => {
    depth = by ? Math.max(0, depth + by) : 0;
    byId("document-drop").hidden = depth === 0;
  };
  document.addEventListener("dragenter", (event) => bringsFiles(event) && turn(1));
  document.addEventListener("dragleave", (event) => bringsFiles(event) && turn(-1));
  document.addEventListener("dragover", (event) => bringsFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    turn(0);
    send(event.dataTransfer.files);
  });
}

// --- The work on it has ended: the rest of the page is of the version that answers now ---

document.addEventListener("document-ready", () => {
  const open = document.querySelector("dialog[open]");
  if (open) open.addEventListener("close", () => location.reload());
  else location.reload();
});
