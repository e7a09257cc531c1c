// Completion while typing: a combobox with a listbox, as the ARIA practices describe it.
const field = document.getElementById("q");
const offers = document.getElementById("offers");
const PAUSE_MS = 120;
const MOST_TYPED = 200;  // the service completes no longer text
let pause = 0;
let underWay = null;
let active = -1;

function closeOffers() {
  clearTimeout(pause);
  if (underWay) underWay.abort();
  underWay = null;
  offers.hidden = true;
  offers.replaceChildren();
  point(-1);
  field.setAttribute("aria-expanded", "false");
}

function point(at) {
  active = at;
  [...offers.children].forEach((option, place) => option.setAttribute("aria-selected", place === at));
  if (at < 0) { field.removeAttribute("aria-activedescendant"); return; }
  field.setAttribute("aria-activedescendant", offers.children[at].id);
  offers.children[at].scrollIntoView({ block: "nearest" });
}

function choose(text) {
  field.value = text;
  form.requestSubmit();
}

function showOffers(suggestions) {
  offers.replaceChildren(...suggestions.map(({ text, kind }, place) => {
    const option = element("li");
    option.id = `offer-${place}`;
    option.setAttribute("role", "option");
    option.append(element("span", "", text));
    if (kind !== "query") option.append(element("small", "", kind));
    option.addEventListener("pointerdown", (event) => event.preventDefault());  // the field keeps the focus
    option.addEventListener("click", () => choose(text));
    return option;
  }));
  point(-1);
  offers.hidden = !suggestions.length;
  field.setAttribute("aria-expanded", String(!offers.hidden));
}

async function complete() {
  if (underWay) underWay.abort();
  underWay = null;
  const typed = field.value;
  if (!typed.trim() || typed.length > MOST_TYPED) { closeOffers(); return; }
  const call = underWay = new AbortController();
  try {
    const response = await fetch("/v1/suggest?" + new URLSearchParams({ q: typed }),
      { headers: headers(), signal: call.signal });
    const answer = response.ok ? await response.json() : { suggestions: [] };
    if (call === underWay && document.activeElement === field) showOffers(answer.suggestions);
  } catch { /* aborted, or not to be had: searching works without it */ }
}

field.addEventListener("input", () => {
  point(-1);  // what was picked before belongs to another text
  clearTimeout(pause);
  pause = setTimeout(complete, PAUSE_MS);
});
field.addEventListener("blur", closeOffers);
field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    if (offers.hidden) { complete(); return; }
    // One place more than options: the text as typed stands between the last and the first.
    const places = offers.children.length + 1;
    point((active + 1 + step + places) % places - 1);
  } else if (event.key === "Escape" && !offers.hidden) {
    event.preventDefault();
    closeOffers();
  } else if (event.key === "Enter" && active >= 0) {
    event.preventDefault();
    choose(offers.children[active].firstChild.textContent);
  }
});
