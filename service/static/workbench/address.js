// The state of the page as the part of the address behind `#`, so that a link shows the same. It never
// reaches a server, and so no log.
const LETTERS = ["a", "b", "c"];
const SETTINGS = ["mode", "alpha", "min_tier", "min_relevance", "exact", "correct", "filter", "facets"];
const AT_FIRST = [{ mode: "hybrid" }, { mode: "lexical" }, { mode: "semantic" }];
const SHOWN = ["10", "20", "50"];

function addressOf({ q, show, columns }) {
  const said = new URLSearchParams();
  if (q) said.set("q", q);
  if (show !== SHOWN[1]) said.set("show", show);
  columns.forEach((settings, place) => {
    for (const name of SETTINGS) if (name in settings) said.set(`${LETTERS[place]}.${name}`, settings[name]);
  });
  return "#" + said;
}

// Anything may stand in an address: what is no setting is passed over.
function stateOf(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const columns = LETTERS.map((letter) => Object.fromEntries(
    SETTINGS.filter((name) => said.has(`${letter}.${name}`)).map((name) => [name, said.get(`${letter}.${name}`)]),
  )).filter((settings) => Object.keys(settings).length);
  return {
    q: said.get("q") || "",
    show: SHOWN.includes(said.get("show")) ? said.get("show") : SHOWN[1],
    columns: columns.length ? columns : AT_FIRST,
  };
}
