// Dark where the admin is: as somebody chose it there, else as the system is set.
{
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const chosen = localStorage.getItem("adminTheme") ?? "auto";
    const dark = chosen.includes("dark") || (chosen.includes("auto") && system.matches);
    document.documentElement.classList.toggle("dark-mode", dark);
  };
  follow();
  system.addEventListener("change", follow);
  window.addEventListener("storage", follow);
}
