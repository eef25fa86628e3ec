// The page works without this. With it: find as you type, sort without a new page, keys.
"use strict";
(() => {
  const find = document.querySelector("input[type=search]");
  let asked = 0;
  let shown = location.search;

  /** Put the companies of another address in the place of those shown. */
  async function show(address, keep) {
    const mine = ++asked;
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (mine !== asked || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("found");
    const old = document.getElementById("found");
    if (mine !== asked || !fresh || !old) return;
    old.replaceWith(fresh);
    history[keep ? "pushState" : "replaceState"](null, "", address);
    shown = location.search;
  }

  /** Return the address that a form asks for. */
  function addressOf(form) {
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    return form.getAttribute("action") + (query.size ? "?" + query : "");
  }

  const form = document.querySelector("form[data-live]");
  if (form) {
    let wait;
    form.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => show(addressOf(form), false), 150);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(wait);
      show(addressOf(form), true);
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("th a[data-live]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      const name = link.closest("th").className;
      show(link.getAttribute("href"), true).then(() =>
        document.querySelector(`th.${name} a`)?.focus());
    });
    // A link within the page, as the one to its content, comes by here, too.
    addEventListener("popstate", () => { if (location.search !== shown) location.reload(); });
  }

  // What is opened stays open, and the page where it is, when a link only changes figures.
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[data-keep]")) return;
    const open = [...document.querySelectorAll("details")].map((one) => one.open);
    sessionStorage.setItem("kept", JSON.stringify([location.pathname, scrollY, open]));
  });
  try {
    const [path, top, open] = JSON.parse(sessionStorage.getItem("kept")) || [];
    sessionStorage.removeItem("kept");
    if (path === location.pathname) {
      document.querySelectorAll("details").forEach((one, n) => { one.open = open[n] ?? one.open; });
      scrollTo(0, top);
    }
  } catch { /* nothing was kept */ }

  // A link to a line opens it.
  function openLine() {
    const line = location.hash.startsWith("#line-") && document.getElementById(location.hash.slice(1));
    if (line) { line.open = true; line.scrollIntoView(); }
  }
  addEventListener("hashchange", openLine);
  openLine();

  // Keys: / to find, arrows from one company to the next.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && find) {
      event.preventDefault();
      find.focus();
      find.select();
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const rows = [...document.querySelectorAll(".companies tbody th a")];
    const at = rows.indexOf(document.activeElement);
    if (!rows.length || (at < 0 && event.target !== find)) return;
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    if (next < 0) find?.focus(); else rows[Math.min(next, rows.length - 1)].focus();
  });

  const print = document.querySelector("[data-print]");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
})();
