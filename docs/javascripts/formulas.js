// Sets the formulas of a page with KaTeX 0.16.22 (../katex), which only pages with formulas load; no network is needed.
{
  const formulas = document.querySelectorAll(".arithmatex");
  const folder = new URL("../katex/", document.currentScript.src);
  if (formulas.length) {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("katex.min.css", folder);
    const script = document.createElement("script");
    script.src = new URL("katex.min.js", folder);
    script.onload = () => {
      for (const each of formulas) {
        // Between \( and \), or \[ and \] where the formula has lines of its own.
        const text = each.textContent.trim();
        katex.render(text.slice(2, -2), each, { displayMode: text.startsWith("\\["), throwOnError: false });
      }
    };
    document.head.append(style, script);
  }
}
