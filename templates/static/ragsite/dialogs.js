// A button with data-opens="ID" opens the dialog of that id, one with data-closes closes the dialog around it, and a field with
// data-submits sends its form as soon as something else is chosen. What htmx brings into an element with data-shows opens the dialog
// around it, and a form with data-finishes closes its dialog when the server has answered.
document.addEventListener("click", (event) => {
  const opens = event.target.closest("[data-opens]");
  if (opens) document.getElementById(opens.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = event.detail.target.matches("[data-shows]") && event.detail.target.closest("dialog");
  if (dialog && !dialog.open) dialog.showModal();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.matches("[data-finishes]")) event.detail.elt.closest("dialog").close();
});
