"use strict";
// Tables that render only the visible rows, with sorting, search and a player.
{
  const ROW = 48; // px, the row height in the style sheet
  const MARGIN = 8; // rows rendered above and below the visible ones
  const MAX_ROWS = 200_000; // browsers limit the height of an element
  const NUMBERS = new Set(["count", "share", "hours", "seconds", "year"]);

  const $$ = (id) => document.getElementById(id);
  const data = JSON.parse($$("data").textContent);
  $$("data").remove(); // free the memory
  const { files, folders } = data;
  const failed = new Set(files.failed); // these cannot be played
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  // Values as text

  const count = (number) => number.toLocaleString("en");
  const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : Math.round(share * 100) + "%");
  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const whole = Math.round(seconds);
    const [hours, minutes, rest] = [whole / 3600, (whole / 60) % 60, whole % 60].map(Math.floor);
    return hours ? hours + ":" + two(minutes) + ":" + two(rest) : minutes + ":" + two(rest);
  };
  const display = (genre) => data.genres[genre]?.[0] ?? data.statuses[genre] ?? genre;
  const colour = (genre) => data.genres[genre]?.[1];
  const titleOf = (file) => files.title[file] || files.name[file];
  const pathOf = (file) => {
    const folder = folders[files.folder[file]][0];
    const mark = /^([A-Za-z]:)?\\/.test(folder) ? "\\" : "/";
    return (folder.endsWith(mark) ? folder : folder + mark) + files.name[file];
  };
  const placeOf = (file) => pathOf(file).slice(data.root);
  const textOf = (kind, cell) => {
    if (cell === null) return "";
    if (kind === "file") return [titleOf(cell), files.artist[cell], pathOf(cell)].join("\n");
    if (kind === "genre" || kind === "status") return display(cell);
    if (kind === "share") return percent(cell);
    if (kind === "count") return count(cell);
    if (kind === "hours") return cell.toFixed(cell < 10 ? 1 : 0);
    return kind === "seconds" ? clock(cell) : String(cell);
  };

  // Tables

  /** A status in words, with what the confidence refers to: "Unsure, perhaps Rock". */
  const statusOf = (status, best, row) => {
    if (!status) return null;
    const perhaps = status.cells[row] === "unsure" && best?.cells[row];
    return display(status.cells[row]) + (perhaps ? ", perhaps " + display(perhaps) : "");
  };

  /** Add the state of the view to a table: shown columns, row order, and search results. */
  const prepared = (table) => {
    const column = (name) => table.columns.find((one) => one.name === name);
    const corrected = column("corrected");
    if (corrected) {
      // Show the correction as the genre, and the prediction in its own column.
      const genre = column("genre");
      const corrections = corrected.cells;
      corrected.title = "Prediction";
      corrected.cells = corrections.map((cell, row) => (cell === null ? null : genre.cells[row] ?? statusOf(column("status"), column("most_probable"), row)));
      genre.cells = genre.cells.map((cell, row) => corrections[row] ?? cell);
    }
    const filled = (one) => one.cells.some((cell) => cell !== null && cell !== "");
    const status = column("status");
    const best = column("most_probable");
    const tags = column("file") || column("path") ? ["artist", "title"] : [];
    const shown = table.columns.filter(
      (one) =>
        one.kind !== "part" &&
        (one.kind !== "status" || !column("genre")) &&
        !tags.includes(one.name) && // shown in the file column
        one.name !== "most_probable" && // shown with the status
        (filled(one) || (one.kind === "genre" && one.name !== "corrected")),
    );
    const parts = table.columns.filter((one) => one.kind === "part");
    const all = Uint32Array.from({ length: table.rows }, (_, number) => number);
    return { ...table, shown, parts, status, best, order: all, found: all, texts: [], find: "", sorted: null, down: false };
  };
  const tables = new Map(data.tables.map((table) => [table.name, prepared(table)]));
  let current = null;

  const sort = (table, column) => {
    const initial = NUMBERS.has(column.kind) && column.kind !== "year"; // large numbers first
    table.down = table.sorted === column ? !table.down : initial;
    table.sorted = column;
    const { cells, kind } = column;
    const keys = NUMBERS.has(kind) ? cells : cells.map((cell, row) => textOf(kind, cell) || withoutGenre(table, column, row));
    const compare = NUMBERS.has(kind) ? (a, b) => a - b : order.compare;
    const empty = (row) => keys[row] === null || keys[row] === "";
    table.order = table.order.slice().sort((a, b) => {
      if (empty(a) || empty(b)) return empty(a) - empty(b); // always last
      return table.down ? compare(keys[b], keys[a]) : compare(keys[a], keys[b]);
    });
    search(table, table.find);
  };

  const withoutGenre = (table, column, row) =>
    column.name === "genre" ? statusOf(table.status, table.best, row) ?? "" : "";

  /** The text of a row in lower case, cached. */
  const searched = (table, row) =>
    (table.texts[row] ??= table.columns
      .filter((one) => one.kind !== "part" && one !== table.best)
      .map((one) => textOf(one.kind, one.cells[row]))
      .join("\n")
      .toLowerCase());

  const search = (table, text) => {
    table.find = text;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    table.found = words.length
      ? table.order.filter((row) => words.every((word) => searched(table, row).includes(word)))
      : table.order;
  };

  // Rendering

  const cellOf = (table, column, row) => {
    const { kind, name } = column;
    const value = column.cells[row];
    const cell = make("td", { class: kind });
    if (column.minor) cell.classList.add("minor");
    if (NUMBERS.has(kind)) cell.classList.add("number");
    if (kind === "file") {
      cell.append(fileOf(value));
    } else if (kind === "genre" && value !== null) {
      const dot = make("i", { class: "dot" });
      dot.style.setProperty("--colour", colour(value) ?? "var(--edge)");
      cell.append(dot, display(value));
    } else if (kind === "genre") {
      cell.classList.add("plain");
      cell.append(withoutGenre(table, column, row));
    } else if (kind === "share" && value !== null) {
      const meter = make("i", { class: "meter" });
      meter.style.setProperty("--share", value);
      cell.append(meter, percent(value));
    } else if (table.name === "years" && value === null) {
      cell.classList.add("plain");
      cell.append("No year");
    } else {
      cell.append(textOf(kind, value));
      if (kind === "text" && value) cell.title = value;
    }
    if (name === "error" && value) cell.classList.add("plain");
    return cell;
  };

  const playOf = (file) => {
    const play = make("button", { class: "play", type: "button", "aria-label": "Play " + titleOf(file) });
    play.dataset.file = file;
    play.append(player.file === file && !player.audio.paused ? "\u275a\u275a" : "\u25b6\ufe0e");
    return play;
  };

  const fileOf = (file) => {
    const play = failed.has(file) ? make("span", { class: "play none" }) : playOf(file);
    const name = make("span", {}, titleOf(file));
    if (files.artist[file]) name.append(make("em", {}, files.artist[file]));
    const words = make("p", { title: titleOf(file) + "\n" + pathOf(file) }, name);
    if (placeOf(file) !== titleOf(file)) words.append(make("span", {}, placeOf(file)));
    return make("div", {}, play, words);
  };

  const partsOf = (table, row) => {
    const ribbon = make("div", { class: "ribbon" });
    const words = [];
    for (const { title, cells } of table.parts) {
      if (!cells[row]) continue;
      const part = make("i");
      part.style.width = cells[row] * 100 + "%";
      if (colour(title)) part.style.background = colour(title);
      ribbon.append(part);
      words.push([cells[row], display(title) + " " + percent(cells[row])]);
    }
    ribbon.title = words.sort((a, b) => b[0] - a[0]).map((pair) => pair[1]).join(", ");
    ribbon.setAttribute("role", "img");
    ribbon.setAttribute("aria-label", ribbon.title);
    return make("td", { class: "parts" }, ribbon);
  };

  const rowOf = (table, row, index) => {
    const line = make("tr", { "aria-rowindex": index + 2 });
    line.append(...table.shown.map((column) => cellOf(table, column, row)));
    if (table.parts.length) line.append(partsOf(table, row));
    const file = table.shown.find((column) => column.kind === "file");
    if (file && file.cells[row] === player.file) line.className = "now";
    return line;
  };

  const space = (rows, width) => {
    const cell = make("td", { colspan: width });
    cell.style.setProperty("--height", rows * ROW + "px");
    return make("tr", { class: "space", "aria-hidden": "true" }, cell);
  };

  let drawn = ""; // range of the rendered rows
  /** Render the visible rows. */
  const draw = (force = false) => {
    const view = $$("view");
    const body = view.querySelector("tbody");
    if (!body) return;
    const rows = Math.min(current.found.length, MAX_ROWS);
    const first = Math.max(0, Math.floor(view.scrollTop / ROW) - MARGIN);
    // Use the height of the window, because the view is small while it has few rows.
    const last = Math.min(rows, Math.ceil((view.scrollTop + innerHeight) / ROW) + MARGIN);
    const now = first + "-" + last;
    if (now === drawn && !force) return;
    drawn = now;
    const focused = document.activeElement?.dataset?.file;
    const width = current.shown.length + (current.parts.length ? 1 : 0);
    const lines = [];
    for (let i = first; i < last; i++) lines.push(rowOf(current, current.found[i], i));
    body.replaceChildren(space(first, width), ...lines, space(rows - last, width));
    if (focused !== undefined) body.querySelector(`[data-file="${focused}"]`)?.focus({ preventScroll: true });
  };

  const headOf = (table, column) => {
    const head = make("th", { scope: "col" });
    if (column.minor) head.classList.add("minor");
    if (NUMBERS.has(column.kind)) head.classList.add("number");
    const button = make("button", { type: "button" }, column.title);
    button.onclick = () => {
      sort(table, column);
      show(table);
      $$("view").querySelectorAll("th button")[table.shown.indexOf(column)]?.focus();
    };
    if (table.sorted === column) head.setAttribute("aria-sort", table.down ? "descending" : "ascending");
    head.append(button);
    return head;
  };

  /** Show a table, scrolled to its first row. */
  const show = (table) => {
    current = table;
    const heads = table.shown.map((column) => headOf(table, column));
    if (table.parts.length) heads.push(make("th", { scope: "col", class: "parts" }, "Genres of the files"));
    const grid = make("table", { "aria-rowcount": table.found.length + 1 });
    grid.append(make("thead", {}, make("tr", {}, ...heads)), make("tbody"));
    const none = make("p", { class: "none" }, table.find ? "No matches." : "No entries.");
    $$("view").replaceChildren(table.found.length ? grid : none);
    $$("view").scrollTop = 0;
    $$("view").setAttribute("aria-labelledby", "tab-" + table.name);
    $$("about").textContent = table.about;
    $$("shown").textContent = table.find ? count(table.found.length) + " of " + count(table.rows) : "";
    if (table.found.length > MAX_ROWS) $$("shown").textContent += " (showing the first " + count(MAX_ROWS) + ")";
    $$("find").value = table.find;
    for (const tab of $$("tabs").children) {
      const chosen = tab.dataset.name === table.name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) $$("tabs").scrollLeft = tab.offsetLeft - $$("tabs").offsetLeft - 16;
    }
    draw(true);
  };

  const tabs = [...tables.values()].map((table) => {
    const tab = make("button", { type: "button", role: "tab", id: "tab-" + table.name, "aria-controls": "view" });
    tab.dataset.name = table.name;
    tab.append(table.title, make("small", {}, count(table.rows)));
    tab.onclick = () => choose(table.name);
    return tab;
  });
  const choose = (name) => {
    history.replaceState(null, "", "#" + name);
    show(tables.get(name));
  };
  $$("tabs").onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.findIndex((tab) => tab.tabIndex === 0) + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
    event.preventDefault();
  };

  // The player

  const player = { audio: $$("audio"), file: null };
  const addressOf = (file) => {
    const name = files.link[file] ?? encodeURIComponent(files.name[file]);
    return folders[files.folder[file]][1] + name;
  };
  const play = (file) => {
    if (player.file === file && !$$("trouble").hidden) player.file = null; // retry
    if (player.file === file) {
      if (player.audio.paused) player.audio.play().catch(() => {});
      else player.audio.pause();
      return;
    }
    player.file = file;
    $$("trouble").hidden = true;
    $$("player").hidden = false;
    $$("playing").textContent = [titleOf(file), files.artist[file]].filter(Boolean).join(" \u2014 ");
    player.audio.src = addressOf(file);
    player.audio.play().catch(() => {});
    draw(true);
  };
  player.audio.onerror = () => {
    $$("trouble").textContent =
      files.name[player.file] +
      " cannot be played. Links are relative: do not move the page or the files. " +
      "If the file exists, this browser does not support its format.";
    $$("trouble").hidden = false;
    draw(true);
  };
  for (const name of ["play", "pause", "ended"]) player.audio.addEventListener(name, () => draw(true));

  // Start

  $$("view").onclick = (event) => {
    const button = event.target.closest("[data-file]");
    if (button) play(Number(button.dataset.file));
  };
  $$("view").onscroll = () => requestAnimationFrame(() => draw());
  addEventListener("resize", () => draw(true));
  $$("find").oninput = () => {
    search(current, $$("find").value);
    show(current);
  };
  for (const button of document.querySelectorAll("[data-find]")) {
    button.onclick = () => {
      const table = tables.get("files");
      search(table, display(button.dataset.find));
      choose("files");
      $$("tables").scrollIntoView();
    };
  }
  const follow = () => {
    const name = location.hash.slice(1);
    if (!tables.has(name)) return false;
    show(tables.get(name));
    $$("tables").scrollIntoView();
    return true;
  };
  addEventListener("hashchange", follow);
  $$("tabs").append(...tabs);
  $$("tools").hidden = $$("view").hidden = false;
  if (!follow()) show(tables.get("files"));
}
