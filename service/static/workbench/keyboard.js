// The whole of judging by keys: from hit to hit, from column to column, a grade for each.
function stopAt(item) {
  for (const other of item.parentElement.querySelectorAll(".hit")) other.tabIndex = other === item ? 0 : -1;
}

function focusHit(item) {
  if (!item) return;
  stopAt(item);
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function besideHit(item, column, step) {
  const next = columns[columns.indexOf(column) + step];
  if (!next) return null;
  const there = [...next.list.querySelectorAll(".hit")];
  const rank = [...column.list.querySelectorAll(".hit")].indexOf(item);
  return there.find(({ dataset }) => dataset.id === item.dataset.id) || there[Math.min(rank, there.length - 1)];
}

function hitKey(key, item, column, grade) {
  const items = [...column.list.querySelectorAll(".hit")];
  const at = items.indexOf(item);
  if (["2", "1", "0"].includes(key)) grade(item, column, Number(key));
  else if (key === "Backspace" || key === "Delete") grade(item, column, null);
  else if (key === "e") item.querySelector(".why").click();
  else if (key === "ArrowDown") focusHit(items[at + 1]);
  else if (key === "ArrowUp") focusHit(items[at - 1]);
  else if (key === "Home") focusHit(items[0]);
  else if (key === "End") focusHit(items.at(-1));
  else if (key === "ArrowRight") focusHit(besideHit(item, column, 1));
  else if (key === "ArrowLeft") focusHit(besideHit(item, column, -1));
  else return false;
  return true;
}

function columnOf(item) {
  return columns.find(({ list }) => list.contains(item));
}

// `grade(item, column, grade)` judges a hit, `step(by)` goes to another query of the list.
function listenToKeys({ grade, step }) {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.matches("input, select, textarea")) return;
    const item = target.closest(".hit");
    const column = item && columnOf(item);
    if (column && hitKey(key, item, column, grade)) event.preventDefault();
    else if (key === "n" || key === "p") { event.preventDefault(); step(key === "n" ? 1 : -1); }
    else if (key === "/") { event.preventDefault(); field.focus(); field.select(); }
  });
  columnsBox.addEventListener("click", ({ target }) => {
    const item = target.closest(".hit");
    if (!item) return;
    const button = target.closest(".marks button");
    // Pressed once more, a judgment is taken back.
    const pressed = button && button.getAttribute("aria-pressed") === "true";
    if (button) grade(item, columnOf(item), pressed ? null : Number(button.value));
    if (target.closest(".why")) stopAt(item); else focusHit(item);  // the focus stays on what opens and closes
  });
}
