// The search itself: the form says what is asked, and the address says the same.
const PAGE = 20;
const form = document.getElementById("search");
const notice = document.getElementById("status");
const readAs = document.getElementById("read-as");
const list = document.getElementById("hits");
const more = document.getElementById("more");
let latest = 0;

function say(text, isError) {
  notice.textContent = text;
  notice.className = isError ? "error" : "";
}

function asked() {
  const wanted = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) wanted.append(name, value);
  return wanted;
}

// A step of its own in the browser's history, unless it is where the browser stands already.
function remember(wanted) {
  const address = "?" + wanted;
  if (address !== location.search) history.pushState(null, "", address);
}

function tellCorrections(query) {
  readAs.hidden = !query.corrections.length;
  if (readAs.hidden) return;
  const wanted = asked();
  wanted.set("correct", "false");
  const literal = element("a", "", query.raw);
  literal.href = "?" + wanted;
  literal.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // a tab of its own
    event.preventDefault();
    field.value = query.raw;
    form.elements.correct.value = "false";
    ask(0);
  });
  readAs.replaceChildren(
    "Showing results for ", element("strong", "", query.normalized), ". Search instead for ", literal,
  );
}

function clear() {
  list.replaceChildren();
  readAs.hidden = more.hidden = true;
  say("");
}

async function ask(offset) {
  const turn = ++latest;
  const wanted = asked();
  closeOffers();
  if (!(wanted.get("q") || "").trim()) { clear(); return; }
  if (offset === 0) remember(wanted);
  wanted.set("limit", PAGE);
  wanted.set("offset", offset);
  let answer;
  try {
    const response = await fetch("/v1/search?" + wanted, { headers: headers() });
    answer = await response.json();
    if (turn !== latest) return;  // a later search has begun: this answer is stale
    admitted(response.status);
    if (!response.ok) {
      if (offset === 0) clear();
      say(response.status === 401 ? keyNotice() : `${answer.title}: ${answer.detail}`, true);
      return;
    }
  } catch {
    if (turn === latest) say("The service does not answer. Try again in a moment.", true);
    return;
  }
  show(answer, offset);
}

function show(answer, offset) {
  const cards = answer.hits.map(card);
  if (offset === 0) {
    list.replaceChildren(...(cards.length ? cards : [nothing()]));
    tellCorrections(answer.query);
  } else list.append(...cards);
  const shown = offset + cards.length;
  more.hidden = !(cards.length === PAGE && shown < answer.total.value && shown + PAGE <= 1000);
  more.onclick = () => ask(shown);
  say(cards.length || offset ? summary(answer) : `Searched in ${answer.timing_ms.total.toFixed(1)} ms`);
}

// The form as the address says: at the start, and when the shopper goes back or forward.
function restore() {
  const said = new URLSearchParams(location.search);
  form.reset();
  field.value = said.get("q") || "";
  form.elements.correct.value = said.get("correct") === "false" ? "false" : "";
  if (["lexical", "semantic"].includes(said.get("mode"))) form.elements.mode.value = said.get("mode");
  for (const name of ["explain", "min_tier"]) {
    form.elements[name].checked = said.get(name) === form.elements[name].value;
  }
  const wanted = asked();
  if (wanted.has("q")) history.replaceState(null, "", "?" + wanted);
  ask(0);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  form.elements.correct.value = "";
  ask(0);
});
form.addEventListener("change", (event) => { if (event.target !== field) ask(0); });
addEventListener("popstate", restore);
restore();
