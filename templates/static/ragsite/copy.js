// A button with data-copies="ID" copies the text of the field with that id, and then says its data-done or its data-failed. Without a
// secure context there is no clipboard to write to, and the field is selected and copied as by hand.
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.select();
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const done = await copied(document.getElementById(button.dataset.copies));
  button.querySelector(".rag-copy-label").textContent = done ? button.dataset.done : button.dataset.failed;
  button.classList.toggle("rag-copy-done", done);
});
