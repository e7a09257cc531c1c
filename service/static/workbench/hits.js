// What a hit of a column looks like, and the lines where tiers end.
const hitForm = document.getElementById("hit");
const blind = document.getElementById("blind");
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

// Highlights come as HTML. Only its <mark> is taken over; all the rest is text.
function marked(html) {
  const plain = (text) => text.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name) => ENTITIES[name]);
  return html.split(/(<mark>.*?<\/mark>)/s).map((part) => {
    const inner = /^<mark>(.*)<\/mark>$/s.exec(part);
    return inner ? element("mark", "", plain(inner[1])) : plain(part);
  });
}

function hitItem(hit, place) {
  const item = hitForm.content.firstElementChild.cloneNode(true);
  const find = (selector) => item.querySelector(selector);
  item.dataset.id = hit.id;
  item.dataset.tier = hit.tier;
  item.tabIndex = place ? -1 : 0;  // one stop of the Tab key in each column; arrows go on from there
  find(".rank").textContent = hit.rank;
  const title = hit.highlight && hit.highlight.title;
  find("h3").append(...(title ? marked(title) : [hit.fields.title || hit.id]));
  if (typeof hit.fields.price === "number") find(".price").textContent = hit.fields.price.toFixed(2);
  find(".facts").textContent = facts(hit.fields);
  find(".tier").textContent = hit.rule ? `${hit.tier}, ${hit.rule}` : hit.tier;
  if (Object.hasOwn(TIER_NAMES, hit.tier)) find(".tier").classList.add(hit.tier);
  find(".number").textContent = hit.relevance.toFixed(3);
  const { thresholds } = hit.explain;
  const bar = find(".bar");
  bar.setAttribute("aria-label", `relevance ${hit.relevance.toFixed(3)}`);
  find(".filled").setAttribute("width", 100 * hit.relevance);
  [thresholds.exact, thresholds.substitute].forEach((cut, at) => {
    const line = item.querySelectorAll(".cut")[at];
    line.setAttribute("x1", 100 * cut);
    line.setAttribute("x2", 100 * cut);
  });
  find(".why").addEventListener("click", () => explain(item, hit.explain));
  return item;
}

function explain(item, how) {
  const shown = item.querySelector(".explain");
  if (shown) shown.remove(); else item.append(explanation(how));
  item.querySelector(".why").setAttribute("aria-expanded", String(!shown));
}

function cutLine(tier, from) {
  return element("li", `cut-line ${tier}`, `${tier} ends at ${from.toFixed(3)}`);
}

// Hits with a line before the first one of each lower tier. What a rule of the shop pinned or buried
// stands outside the order, so that a tier ends once only.
function hitItems(answer) {
  const items = [];
  let passed = 0;
  const endTo = (level, { thresholds }) => {
    if (passed < 1 && level >= 1) items.push(cutLine("exact", thresholds.exact));
    if (passed < 2 && level >= 2) items.push(cutLine("substitute", thresholds.substitute));
    passed = Math.max(passed, level);
  };
  answer.hits.forEach((hit, place) => {
    if (!hit.rule) endTo(["exact", "substitute", "irrelevant"].indexOf(hit.tier), hit.explain);
    items.push(hitItem(hit, place));
  });
  const last = answer.hits.at(-1);
  if (last && answer.hits.length === answer.total.value) {  // the whole result: the line below it can be told
    endTo({ exact: 1, substitute: 2 }[last.tier] || 0, last.explain);
  }
  return items;
}

function emptyItem(settings) {
  const box = element("li", "empty");
  box.append(element("strong", "", "Nothing worth showing"));
  const lower = settings.min_tier !== "irrelevant" || settings.min_relevance;
  box.append(element("span", "", lower ? "min_tier irrelevant shows what came closest." : "No product passes."));
  return box;
}

// The rank of the product in each other column: higher there or lower there, or not among the hits shown.
function tellElsewhere(item, rank, others) {
  const box = item.querySelector(".elsewhere");
  box.replaceChildren(...others.map(({ letter, rank: there }) => {
    const moved = there === undefined ? 0 : there - rank;
    const arrow = moved > 0 ? ` ▲${moved}` : moved < 0 ? ` ▼${-moved}` : "";
    const chip = element("span", `move ${moved > 0 ? "up" : moved < 0 ? "down" : ""}`);
    chip.textContent = there === undefined ? `${letter} –` : `${letter} ${there}${arrow}`;
    const said = moved > 0 ? `, ${moved} higher here` : moved < 0 ? `, ${-moved} lower here` : "";
    chip.title = there === undefined ? `not among the hits of ${letter}` : `rank ${there} in ${letter}${said}`;
    return chip;
  }));
  if (others.length && others.every(({ rank: there }) => there === undefined)) {
    box.replaceChildren(element("span", "move alone", "only here"));
  }
}

function tellGrade(item, grade) {
  for (const button of item.querySelectorAll(".marks button")) {
    button.setAttribute("aria-pressed", String(grade !== undefined && Number(button.value) === grade));
  }
  const title = item.querySelector("h3").textContent;
  const said = grade === undefined ? "not judged" : `judged ${GRADE_NAMES[grade]}`;
  const rank = item.querySelector(".rank").textContent;
  const seen = blind.checked ? [title, said] : [`${rank}: ${title}`, item.dataset.tier, said];
  item.setAttribute("aria-label", seen.join(", "));
}
