"use strict";
// Zoom and search in flame graphs that are complete without this script. It only reads what the picture holds and sets
// places, classes and texts; it asks for nothing from anywhere.
for (const graph of document.querySelectorAll("svg.flame")) {
  const nodes = Array.from(graph.children, (box) => ({
    box,
    x: parseFloat(box.getAttribute("x")),
    width: parseFloat(box.getAttribute("width")),
    row: parseFloat(box.getAttribute("y")),
    told: box.querySelector("title").textContent,
  }));
  if (!nodes.length) continue;
  const make = (name, settings) => Object.assign(document.createElement(name), settings);
  const tools = make("div", { className: "flame-tools" });
  const field = make("input", { type: "search", placeholder: "Search functions" });
  field.setAttribute("aria-label", "Search functions of this graph");
  const whole = make("button", { type: "button", textContent: "Whole graph", disabled: true });
  const found = make("span", { className: "quiet" });
  found.setAttribute("role", "status");
  tools.append(field, whole, found);
  graph.before(tools);
  const line = make("p", { className: "flame-told", textContent: "Click a function to zoom; arrow keys move, Enter zooms, Escape shows the whole." });
  graph.after(line);
  const edge = 0.03; // places are rounded to two decimals
  const inside = (one, two) => one.x >= two.x - edge && one.x + one.width <= two.x + two.width + edge;
  const zoom = (to) => {
    for (const node of nodes) {
      const above = node.row < to.row && inside(to, node);
      const shown = above || (node.row >= to.row && inside(node, to));
      node.box.classList.toggle("outside", !shown);
      node.box.classList.toggle("above", above);
      node.box.setAttribute("x", above ? "0%" : `${((node.x - to.x) / to.width) * 100}%`);
      node.box.setAttribute("width", above ? "100%" : `${(node.width / to.width) * 100}%`);
    }
    whole.disabled = to === nodes[0];
  };
  const tell = (node) => { line.textContent = node.told; };
  const search = () => {
    const wanted = field.value.trim().toLowerCase();
    const hits = wanted ? nodes.filter((node) => node.told.split(": ")[0].toLowerCase().includes(wanted)) : [];
    for (const node of nodes) node.box.classList.toggle("faded", wanted !== "" && !hits.includes(node));
    const top = hits.filter((node) => !hits.some((other) => other.row < node.row && inside(node, other)));
    const share = top.reduce((sum, node) => sum + node.width, 0);
    found.textContent = wanted ? `${hits.length} found, ${share.toFixed(1)} % of the time` : "";
  };
  const focus = (node) => {
    for (const each of nodes) each.box.setAttribute("tabindex", each === node ? "0" : "-1");
    node.box.focus();
  };
  const shown = (node) => !node.box.classList.contains("outside");
  const step = (node, key) => {
    const at = (row) => nodes.filter((each) => each.row === row && shown(each)).sort((one, two) => one.x - two.x);
    const rows = Array.from(new Set(nodes.map((each) => each.row))).sort((one, two) => one - two);
    const place = rows.indexOf(node.row);
    if (key === "ArrowUp") return at(rows[place - 1]).find((each) => inside(node, each));
    if (key === "ArrowDown") return at(rows[place + 1]).find((each) => inside(each, node));
    const row = at(node.row);
    return row[row.indexOf(node) + (key === "ArrowRight" ? 1 : -1)];
  };
  for (const node of nodes) {
    node.box.classList.add("pick");
    node.box.setAttribute("role", "button");
    node.box.setAttribute("aria-label", node.told);
    node.box.setAttribute("tabindex", node === nodes[0] ? "0" : "-1");
    node.box.addEventListener("click", () => { zoom(node); tell(node); focus(node); });
    node.box.addEventListener("pointerenter", () => tell(node));
    node.box.addEventListener("focus", () => tell(node));
    node.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") zoom(node);
      else if (event.key === "Escape") { zoom(nodes[0]); focus(nodes[0]); }
      else if (event.key.startsWith("Arrow")) { const next = step(node, event.key); if (next) focus(next); }
      else return;
      event.preventDefault();
    });
  }
  whole.addEventListener("click", () => { zoom(nodes[0]); tell(nodes[0]); });
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => { if (event.key === "Escape") { field.value = ""; search(); } });
}
