// Keeps the page current, and sorts and filters its table. Texts of the server are replaced as parsed HTML of the same
// server, which has escaped them.
"use strict";

const part = (id) => document.getElementById(id);
const sort = { column: 0, direction: 1 };
// The HTML of each part as the server sent it: sorting and filtering change the document.
const served = new Map([...document.querySelectorAll("[data-part]")].map((node) => [node.id, node.innerHTML]));

// The table.

function value(row, column) {
  const cell = row.cells[column];
  if (cell.textContent === "–") return null;
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  return order * sort.direction;
}

function arrange() {
  const rows = [...part("rows").rows];
  const keys = new Map(rows.map((row) => [row, value(row, sort.column)]));
  rows.sort((a, b) => compare(keys.get(a), keys.get(b)));
  const words = part("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const only = part("only").value;
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = (only && row.cells[1].textContent !== only) || !words.every((word) => text.includes(word));
    shown += !row.hidden;
  }
  part("rows").append(...rows);
  const found = words.length || only ? `${shown} of ${rows.length} ${part("table").dataset.rows || "nodes"}` : "";
  if (part("found").textContent !== found) part("found").textContent = found;
}

function offerStates() {
  const states = [...new Set([...part("rows").rows].map((row) => row.cells[1].textContent))].sort();
  const select = part("only");
  const chosen = select.value;
  if (chosen && !states.includes(chosen)) states.push(chosen);
  if ([...select.options].slice(1).map((option) => option.value).join() === states.join()) return;
  select.replaceChildren(new Option("all", ""), ...states.map((state) => new Option(state, state)));
  select.value = chosen;
}

function makeSortable() {
  for (const [column, head] of [...document.querySelectorAll("#table thead th")].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      // Numbers are most useful from the largest down.
      const first = head.classList.contains("number") ? -1 : 1;
      sort.direction = sort.column === column && head.ariaSort ? -sort.direction : first;
      sort.column = column;
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sort.direction > 0 ? "ascending" : "descending");
      arrange();
    });
  }
  document.querySelector("#table thead th").setAttribute("aria-sort", "ascending");
}

// The grid: one stop of Tab, from which the arrow keys move.

function focusCell(cell) {
  for (const other of part("grid").querySelectorAll("a[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus();
}

function moveInGrid(event) {
  const cells = [...part("grid").children];
  const at = cells.indexOf(document.activeElement);
  if (at < 0) return;
  const first = cells[0].offsetTop;
  const width = cells.findIndex((cell) => cell.offsetTop !== first);
  const line = width < 0 ? cells.length : width;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -line, ArrowDown: line, Home: -at, End: cells.length - 1 - at };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  focusCell(cells[Math.min(Math.max(at + step, 0), cells.length - 1)]);
}

// A filter may hide the row that a cell leads to. The browser then moves the focus to the row.
function showRow(event) {
  const link = event.target.closest("a");
  const row = link && document.getElementById(link.hash.slice(1));
  if (!row || !row.hidden) return;
  part("text").value = "";
  part("only").value = "";
  arrange();
}

// The updates.

function replace(fresh) {
  const active = document.activeElement;
  const focused = active && active.closest("#grid a") && active.hash;
  const row = active && active.closest("#rows tr");
  let isTableChanged = false;
  for (const node of fresh.querySelectorAll("[data-part]")) {
    const here = part(node.id);
    if (!here || served.get(node.id) === node.innerHTML) continue;
    served.set(node.id, node.innerHTML);
    const scrolled = here.querySelector(".scroll");
    const at = scrolled ? [scrolled.scrollTop, scrolled.scrollLeft] : null;
    here.replaceChildren(...[...node.childNodes].map((child) => document.importNode(child, true)));
    if (at && here.querySelector(".scroll")) [here.querySelector(".scroll").scrollTop, here.querySelector(".scroll").scrollLeft] = at;
    const section = here.closest("section");
    if (section && section.id !== "nodes") section.hidden = !node.childNodes.length;
    isTableChanged ||= node.id === "rows";
  }
  if (isTableChanged) {
    offerStates();
    arrange();
  }
  const cell = focused && part("grid") && part("grid").querySelector(`a[href="${CSS.escape(focused).replace(/^\\#/, "#")}"]`);
  if (cell && document.activeElement !== cell) focusCell(cell);
  // A row, or the link in it.
  const again = row && document.getElementById(row.id);
  if (again && !again.contains(document.activeElement)) (active === row ? again : again.querySelector("a") || again).focus();
}

function tell(text) {
  if (part("live").textContent !== text) part("live").textContent = text;
}

let isLoading = false;
let isWanted = false;

async function load() {
  isWanted = true;
  if (isLoading || document.hidden) return;
  isLoading = true;
  while (isWanted) {
    isWanted = false;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A page of another form, as after an upgrade, or one whose data could not be read.
      if (!answer.ok || !fresh.getElementById("rows") !== !part("rows")) return location.reload();
      replace(fresh);
    } catch {
      tell("the server does not answer");
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
  isLoading = false;
}

function follow() {
  const updates = new EventSource("/updates");
  updates.addEventListener("open", () => { tell("live"); load(); });
  updates.addEventListener("cycle", load);
  updates.addEventListener("ended", () => tell("the daemon has ended"));
  updates.addEventListener("error", () => {
    tell("not live: connecting …");
    // A browser does not try again after a refusal, as when too many readers are connected.
    if (updates.readyState === EventSource.CLOSED) setTimeout(() => { load(); follow(); }, 10000);
  });
}

if (part("rows")) {
  makeSortable();
  offerStates();
  part("filter").hidden = false;
  part("filter").addEventListener("submit", (event) => event.preventDefault());
  part("filter").addEventListener("input", arrange);
  // The page of a host of a fleet has no grid.
  if (part("grid")) {
    part("grid").addEventListener("keydown", moveInGrid);
    part("grid").addEventListener("click", showRow);
  }
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
follow();
