"use strict";
// The playhead follows the player. A click, a drag, a key or a row of the table seeks.
{
  const JUMPS = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 }; // s
  const $ = (id) => document.getElementById(id);
  const graph = $("graph");
  const [start, end] = [Number(graph.dataset.start), Number(graph.dataset.end)];
  const rows = [...document.querySelectorAll("tbody tr")].map((row) => ({
    row,
    start: Number(row.dataset.start),
    name: row.cells[2].textContent,
    word: row.dataset.word,
    detail: row.dataset.detail,
    plain: row.cells[2].className === "plain",
  }));
  const whole = { word: $("word").textContent, detail: $("detail").textContent, plain: $("word").className };
  const player = document.querySelector("audio");

  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const [hours, minutes, rest] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
    return hours ? hours + ":" + two(minutes) + ":" + two(rest) : minutes + ":" + two(rest);
  };

  /** The segment at a time. The rows are sorted. */
  const segmentAt = (time) => {
    let [low, high] = [0, rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (rows[middle].start <= time) low = middle;
      else high = middle - 1;
    }
    return rows[low];
  };

  let marked = null;
  const show = () => {
    const time = Math.min(player.currentTime, end);
    const placed = !player.paused || time > 0;
    const segment = segmentAt(time);
    graph.classList.toggle("placed", placed);
    graph.style.setProperty("--at", (time - start) / (end - start));
    graph.setAttribute("aria-valuenow", Math.round(time));
    graph.setAttribute("aria-valuetext", clock(time) + ", " + segment.name);
    $("word").textContent = placed ? segment.word : whole.word;
    $("word").className = placed ? (segment.plain ? "plain" : "") : whole.plain;
    $("detail").textContent = placed
      ? (segment.detail ? segment.detail + ", " : "") + "at " + clock(time)
      : whole.detail;
    const now = placed ? segment : null;
    if (now !== marked) {
      marked?.row.classList.remove("now");
      marked?.row.removeAttribute("aria-current");
      now?.row.classList.add("now");
      now?.row.setAttribute("aria-current", "true");
      const list = document.querySelector(".segments");
      if (now) list.scrollTop = now.row.offsetTop - list.offsetTop - list.clientHeight / 2;
    }
    marked = now;
  };
  const follow = () => {
    show();
    if (!player.paused) requestAnimationFrame(follow);
  };

  const seek = (time) => {
    player.currentTime = Math.min(Math.max(start, time), end);
    show();
  };
  const place = (event) => {
    const { left, width } = graph.getBoundingClientRect();
    seek(start + ((event.clientX - left) / width) * (end - start));
  };
  const toggle = () => {
    if (player.paused) player.play().catch(() => {});
    else player.pause();
  };

  /** The embedded audio as a file in which the player can seek. */
  const embedded = () => {
    const { text, dataset } = $("audio");
    const parts = [];
    const size = 1 << 22; // characters to decode at a time, a multiple of four
    for (let at = 0; at < text.length; at += size) {
      parts.push(Uint8Array.from(atob(text.slice(at, at + size)), (letter) => letter.charCodeAt(0)));
    }
    return URL.createObjectURL(new Blob(parts, { type: dataset.type }));
  };

  if (player) {
    player.addEventListener("error", () => {
      $("error").textContent = player.dataset.trouble;
      $("error").hidden = false;
    });
    for (const name of ["play", "pause", "seeked", "timeupdate"]) player.addEventListener(name, follow);
    player.addEventListener("ended", () => seek(start));
    for (const [name, value] of Object.entries({
      role: "slider", tabindex: 0, "aria-valuemin": Math.round(start), "aria-valuemax": Math.round(end),
    })) graph.setAttribute(name, value);
    graph.onpointerdown = (event) => {
      graph.setPointerCapture(event.pointerId);
      place(event);
    };
    graph.onpointermove = (event) => {
      if (event.buttons) place(event);
    };
    graph.onkeydown = (event) => {
      if (event.key in JUMPS) seek(player.currentTime + JUMPS[event.key]);
      else if (event.key === "Home") seek(start);
      else if (event.key === "End") seek(end);
      else if (event.key === " " || event.key === "Enter") toggle();
      else return;
      event.preventDefault();
    };
    for (const { row, start: from } of rows) {
      const cell = row.cells[0];
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.onclick = () => seek(from);
      cell.replaceChildren(button);
    }
    if ($("audio")) player.src = embedded();
    show();
  }
}
