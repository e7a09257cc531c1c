// The settings of a column: its form to parameters of the search and back. Defaults are left out.
function settingsOf(form) {
  const { mode, alpha, own, min_tier, min_relevance, exact, correct, filter, facets } = form.elements;
  const settings = { mode: mode.value };
  if (mode.value === "hybrid" && !own.checked) settings.alpha = alpha.value;
  if (min_tier.value !== "substitute") settings.min_tier = min_tier.value;
  if (min_relevance.value) settings.min_relevance = min_relevance.value;
  if (exact.checked) settings.exact = "true";
  if (!correct.checked) settings.correct = "false";
  if (filter.value.trim()) settings.filter = filter.value.trim();
  if (facets.value.trim()) settings.facets = facets.value.trim();
  return settings;
}

function applySettings(form, settings) {
  const fields = form.elements;
  form.reset();
  for (const name of ["mode", "min_tier"]) {
    const known = [...fields[name].options].some(({ value }) => value === settings[name]);
    if (known) fields[name].value = settings[name];
  }
  fields.own.checked = !("alpha" in settings);
  if ("alpha" in settings) fields.alpha.value = settings.alpha;
  fields.min_relevance.value = settings.min_relevance || "";
  fields.exact.checked = settings.exact === "true";
  fields.correct.checked = settings.correct !== "false";
  fields.filter.value = settings.filter || "";
  fields.facets.value = settings.facets || "";
}

// The alpha of the index is known once an answer has told it.
function tellAlpha(form, ofIndex) {
  const { mode, alpha, own, blend } = form.elements;
  blend.disabled = mode.value !== "hybrid";
  if (own.checked && ofIndex !== undefined && ofIndex !== null) alpha.value = ofIndex;
  const known = !own.checked || (ofIndex !== undefined && ofIndex !== null);
  form.querySelector("output").textContent = known ? Number(alpha.value).toFixed(2) : "";
}

function inWords({ mode, ...rest }) {
  const { facets, ...others } = rest;
  const parts = Object.entries(others).map(([name, value]) => {
    if (name === "exact") return "exact";
    if (name === "correct") return "uncorrected";
    return name === "filter" ? value : `${name} ${value}`;
  });
  return [mode, ...parts].join(" · ");
}

// One more condition on a column, as the filter language writes it.
function narrowed(filter, name, value) {
  const text = typeof value === "string" ? `"${value.replace(/["\\]/g, "\\$&")}"` : String(value);
  const condition = `\`${name}\` = ${text}`;
  return filter.trim() ? `(${filter.trim()}) AND ${condition}` : condition;
}
