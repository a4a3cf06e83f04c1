// What is written on a chart is as dark or light as the page's own words; the theme itself sees to the lines alone.
{
  const ink = () => {
    if (window.Chart) Chart.defaults.color = document.documentElement.classList.contains("dark") ? "#9ca3af" : "#4b5563";
  };
  new MutationObserver(ink).observe(document.documentElement, { attributeFilter: ["class"] });
  window.addEventListener("load", ink);
}
