/** The view in a notebook, as an `anywidget`: Python writes the text and explains it. */

import { LABELS, percentIn } from "./labels.js";
import { View } from "./view.js";

function render({ model, el }) {
  const [text, inside] = [document.createElement("div"), document.createElement("div")];
  el.classList.add("minigpt-view");
  el.dataset.lmSuppressShortcuts = "true"; // the arrow keys are not for the notebook
  el.append(text, inside);

  let turn = null; // the number of the text that is shown
  let asked = null; // the place that Python is asked about, and what waits for an answer
  let next = null; // the place to ask about after that one

  const view = new View(text, inside, {
    labels: LABELS.en,
    percent: percentIn("en"),
    live: false, // Python shall not look back while it writes
    explain,
    unsure: (place) => model.get("unsure")[place],
    branch: (place, id) => model.send({ kind: "branch", turn, place, id }),
    back: () => model.send({ kind: "back" }),
    onTint: (tinted) => set("tinted", tinted),
  });

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function show() {
    const { turn: newTurn, pieces, complete, branched } = model.get("text");
    if (newTurn === undefined) return;
    const found = pieces.map(([text, token, kind]) => ({ text, token, kind }));
    const begins = newTurn !== turn;
    if (begins) {
      turn = newTurn;
      asked = next = null;
      // What both texts begin with stays where it is.
      const same = ({ text, kind }, n) => text === found[n]?.text && kind === found[n].kind;
      const differs = view.pieces.findIndex((piece, n) => !same(piece, n));
      if (differs >= 0) view.cut(view.pieces[differs].token);
      if (!view.pieces.length) view.text.scrollTop = 0;
    }
    view.text.dataset.turn = turn;
    view.add(found.slice(view.pieces.length));
    view.offerBack(branched);
    if (complete || (begins && view.pinned !== null)) view.look();
  }

  /** Ask Python about a place. Of those that come too fast, it is asked the last. */
  function explain(place, rows) {
    return new Promise((resolve) => {
      next = { question: { turn, place, rows }, resolve };
      ask();
    });
  }

  function ask() {
    if (asked || !next) return;
    [asked, next] = [next, null];
    if (!answer()) set("asked", asked.question);
  }

  /** Pass Python's answer on, if it is one to the question. */
  function answer() {
    const explanation = model.get("explanation");
    const { turn, place } = asked?.question ?? {};
    if (explanation.turn !== turn || explanation.place !== place) return false;
    asked.resolve(explanation.rows ? explanation : null);
    asked = null;
    ask();
    return true;
  }

  const listeners = {
    "change:text": show,
    "change:explanation": () => asked && answer(),
    "change:unsure": () => view.tinted && view.tint(0),
  };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  view.text.classList.add("minigpt-text");
  show();
  view.setTinted(model.get("tinted"));
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}

export default { render };
