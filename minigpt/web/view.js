/**
 * The text, and what the model had in mind at each of its tokens.
 *
 * The view knows nothing of models: it is given pieces of text, and asks `explain` about
 * the place that a reader points at. A published page answers with what JavaScript has
 * computed, and a notebook with what Python has.
 */

import { visible } from "./visible.js";

const ROWS = 10;
const PATIENCE = 150; // milliseconds between two looks inside while text streams
const VERY_UNSURE = Math.log(20); // nats: choosing between 20 tokens has the full tint

export class View {
  /**
   * textRoot, insideRoot: empty elements, which may stand anywhere in the page.
   * labels, percent: the strings of a language, and how it writes probabilities.
   * explain(place, rows): returns what `Writer.explain` returns, or a promise of it.
   * unsure(place): returns the entropy of the choice at a place in nats, if it is known.
   * branch(place, id), back(): the reader wants the text to go on with another token, or
   *   the text before that.
   * onTint(tinted): the reader wants the tokens tinted, or no longer; may be missing.
   * live: whether to look at the last token while the text grows.
   */
  constructor(textRoot, insideRoot, handlers) {
    Object.assign(this, { tinted: false }, handlers);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.live = false;
    this.head = null; // the chosen head's number; null shows the mean of all heads
    this.shaded = [];
    this.pinned = null; // the token that the reader has chosen
    this.buildText(textRoot);
    this.buildInside(insideRoot);
    for (const root of [textRoot, insideRoot]) {
      root.addEventListener("keydown", (event) => this.goBackBy(event));
    }
    this.clear();
    this.setTinted(false);
    this.offerBack(false);
  }

  /** Forget the text, but not the place that the reader has chosen in it. */
  clear() {
    this.pieces = []; // each as `add` describes it
    this.pieceAt = []; // the number of the piece that each token is in
    this.text.replaceChildren();
    this.text.scrollTop = 0;
    this.lastLook = 0;
    this.pointAtNothing();
  }

  /** Forget the text from a token on. */
  cut(token) {
    const count = this.pieceAt[token] ?? this.pieces.length;
    this.pieces = this.pieces.slice(0, count); // a copy: somebody may have kept them
    this.pieceAt.length = Math.min(this.pieceAt.length, token);
    while (this.text.children.length > count) this.text.lastChild.remove();
    this.pointAtNothing();
  }

  /**
   * Append pieces, each a { text, token, kind }: a text, the place of its first token,
   * and "given" if the reader wrote it, "branch" if the reader chose it, or nothing.
   */
  add(pieces) {
    const { scrollTop, clientHeight, scrollHeight } = this.text;
    const following = scrollTop + clientHeight > scrollHeight - 40;
    const first = this.pieces.length;
    const spans = pieces.map((piece) => {
      while (this.pieceAt.length < piece.token) this.pieceAt.push(this.pieces.length - 1);
      this.pieceAt[piece.token] = this.pieces.length;
      this.pieces.push(piece);
      const className = piece.kind ? `piece ${piece.kind}` : "piece";
      // Only ever textContent: what looks like markup is text, too.
      return make("span", { className, textContent: piece.text });
    });
    this.text.append(...spans);
    if (this.tinted) this.tint(first);
    if (following && this.pinned === null) this.text.scrollTop = this.text.scrollHeight;
    if (this.pieceAt[this.pinned] >= first) this.look();
    const now = performance.now();
    if (!this.live || pieces.at(-1)?.kind === "given" || now - this.lastLook < PATIENCE) return;
    this.lastLook = now;
    if (this.place() === this.pieces.length - 1) this.look();
  }

  /** Show what there is to say about the place that is pointed at, pinned or last. */
  async look({ aloud = false } = {}) {
    const place = this.place();
    this.marked?.classList.remove("at");
    this.marked = this.text.children[place];
    this.hideTip();
    if (!this.marked) return this.showNothing(this.labels.noText);
    const chosen = this.pointed !== null || this.pieceAt[this.pinned] !== undefined;
    this.marked.classList.toggle("at", chosen);
    const piece = this.pieces[place];
    const found = await this.explain(piece.token, ROWS);
    if (this.pieces[place] !== piece || this.place() !== place) return; // too late
    if (!found) return this.showNothing(this.labels.nothingBefore);
    this.title.textContent = this.labels.instead(visible(piece.text));
    this.showRows(piece.token, found.rows);
    this.showHeads(found.heads, found.start);
    const row = found.rows.find((one) => one.chosen);
    if (chosen && row) this.showTip(row);
    if (aloud && row) this.say(this.labels.spoken(row.token, ...this.chances(row)));
  }

  place() {
    return this.pointed ?? this.pieceAt[this.pinned] ?? this.pieces.length - 1;
  }

  showNothing(title) {
    this.title.textContent = title;
    this.showRows(null, []);
    this.showHeads([], 0);
  }

  chances({ before, after }) {
    return [this.percent(before), this.percent(after)];
  }

  say(words) {
    this.voice.textContent = words;
  }

  // The text

  buildText(root) {
    const { labels } = this;
    this.text = make("div", {
      className: "text", tabIndex: 0, role: "textbox", ariaReadOnly: "true",
      ariaMultiLine: "true", ariaLabel: labels.text,
    });
    // What it says is said by the voice, too.
    this.tip = make("div", { className: "tip", ariaHidden: "true", hidden: true });
    this.frame = make("div", { className: "frame" });
    this.frame.append(this.text, this.tip);
    const id = `hint-${Math.random().toString(36).slice(2)}`; // a page may have several
    const hint = make("p", { className: "hint", id, textContent: labels.hint });
    this.text.setAttribute("aria-describedby", id);
    this.voice = make("p", { className: "unseen", ariaLive: "polite" });
    root.append(this.frame, hint, this.buildTools(), this.voice);

    this.text.addEventListener("pointerover", ({ target }) => this.point(target));
    this.text.addEventListener("pointerleave", () => this.point(null));
    this.text.addEventListener("click", ({ target }) => this.pin(this.numberOf(target)));
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("scroll", () => this.placeTip());
  }

  buildTools() {
    const { labels } = this;
    this.backButton = make("button", {
      type: "button", className: "back", textContent: labels.back, title: labels.backTitle,
    });
    this.backButton.addEventListener("click", () => this.goBack());
    const check = make("input", { type: "checkbox", className: "tinting" });
    check.addEventListener("change", () => this.setTinted(check.checked));
    this.tintCheck = check;
    const label = make("label", { className: "check" });
    label.append(check, labels.tint);
    const tools = make("div", { className: "tools" });
    tools.append(this.backButton, label);
    return tools;
  }

  point(target) {
    const pointed = this.numberOf(target);
    if (pointed === this.pointed) return;
    this.pointed = pointed;
    this.look();
  }

  pointAtNothing() {
    this.pointed = null; // the piece under the pointer
    this.hideTip();
  }

  numberOf(span) {
    const number = Array.prototype.indexOf.call(this.text.children, span);
    return number < 0 ? null : number;
  }

  pin(number) {
    this.pinned = this.pieces[number]?.token ?? null;
    this.look();
  }

  /** Look at the end of the text again. */
  unpin() {
    this.pinned = null;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.pieces.length) return;
    const last = this.pieces.length - 1;
    const from = this.pieceAt[this.pinned] ?? last;
    const moves = {
      ArrowLeft: () => Math.max(from - 1, 0),
      ArrowRight: () => Math.min(from + 1, last),
      ArrowUp: () => this.lineAway(from, -1),
      ArrowDown: () => this.lineAway(from, 1),
      Home: () => 0,
      End: () => last,
      Escape: () => null,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const number = moves[event.key]();
    this.pointed = null;
    this.pinned = this.pieces[number]?.token ?? null;
    this.text.children[number ?? last].scrollIntoView({ block: "nearest" });
    this.look({ aloud: true });
  }

  /** Return the piece above or below another one. */
  lineAway(from, step) {
    const boxOf = (number) => this.text.children[number].getClientRects()[0];
    const start = boxOf(from);
    let best = from;
    let bestDistance = Infinity;
    for (let n = from + step; n >= 0 && n < this.pieces.length; n += step) {
      const box = boxOf(n);
      const lines = Math.round((step * (box.top - start.top)) / start.height);
      if (lines < 1) continue;
      const distance = 10000 * lines + Math.abs(box.left - start.left);
      if (distance >= bestDistance + 10000) break;
      if (distance < bestDistance) [best, bestDistance] = [n, distance];
    }
    return best;
  }

  /** Show the probability of the token at the place, beside it. */
  showTip(row) {
    this.tip.textContent = this.labels.tip(...this.chances(row));
    this.placeTip();
  }

  placeTip() {
    if (!this.tip.textContent) return;
    const frame = this.frame.getBoundingClientRect();
    const [box] = this.marked.getClientRects();
    this.tip.hidden = !box || box.top < frame.top || box.bottom > frame.bottom;
    if (this.tip.hidden) return;
    const { width, height } = this.tip.getBoundingClientRect();
    const left = Math.min(box.left - frame.left, frame.width - width - 4);
    const above = box.top - frame.top - height - 3;
    const top = above < 0 ? box.bottom - frame.top + 3 : above;
    this.tip.style.transform = `translate(${Math.max(left, 4)}px, ${top}px)`;
  }

  hideTip() {
    this.tip.hidden = true;
    this.tip.textContent = "";
  }

  // Other ways for the text to go on

  /** Let the text go on with another token in place of the one that stands there. */
  pick({ place, found }) {
    if (!found || found.chosen) return;
    this.pinned = place;
    this.say(this.labels.goesOn(found.token));
    this.branch(place, found.id);
    this.look();
  }

  /** Say whether there is a text to go back to. */
  offerBack(can) {
    this.canGoBack = can;
    // A disabled button would lose the focus.
    this.backButton.ariaDisabled = String(!can);
  }

  goBack() {
    if (!this.canGoBack) return;
    this.say(this.labels.wentBack);
    this.back();
    this.look();
  }

  goBackBy(event) {
    if (event.key !== "Backspace" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.goBack();
  }

  // The bars

  buildInside(root) {
    const { labels } = this;
    this.title = make("h2", { className: "instead", textContent: labels.noText });
    const heading = (textContent) => make("th", { scope: "col", textContent });
    const head = make("thead");
    head.append(make("tr"));
    head.firstChild.append(...[labels.token, labels.before, labels.after].map(heading));
    const body = make("tbody");
    this.rows = Array.from({ length: ROWS }, () => makeRow(body));
    this.rows.forEach((shown) => shown.row.addEventListener("click", () => this.pick(shown)));
    this.table = make("table", { className: "bars" });
    this.table.append(head, body);

    this.legends = [labels.shades, labels.tints].map((textContent) =>
      make("p", { className: "hint", textContent }),
    );
    const legend = make("div", { className: "legend" });
    legend.append(...this.legends);
    this.heads = make("div", { className: "heads" });
    this.headButtons = [];
    this.allHeads = make("button", {
      type: "button", className: "head all", textContent: labels.allHeads,
    });
    this.allHeads.addEventListener("click", () => this.chooseHead(null));
    root.append(
      this.title, this.table,
      make("h2", { textContent: labels.looked }),
      legend, this.allHeads, this.heads,
    );
  }

  showRows(place, rows) {
    // There are always as many rows, so that nothing below them moves.
    this.rows.forEach((shown, n) => {
      const found = rows[n];
      Object.assign(shown, { place, found });
      const { row, name, before, after } = shown;
      row.className = found?.chosen ? "chosen" : "";
      row.style.visibility = found ? "" : "hidden";
      name.textContent = found?.token ?? "";
      name.title = !found || found.chosen ? this.labels.chosen : this.labels.pick(found.token);
      for (const [bar, chance] of [[before, found?.before], [after, found?.after]]) {
        bar.fill.style.transform = `scaleX(${chance ?? 0})`;
        bar.number.textContent = chance === undefined ? "\u00a0" : this.percent(chance);
      }
    });
  }

  // The heads

  showHeads(heads, start) {
    if (heads.length && heads.length !== this.headButtons.length) this.buildHeads(heads);
    const shown = heads.map(({ weights }) => this.onPieces(weights, start));
    heads.forEach(({ layer, head }, n) => {
      const button = this.headButtons[n];
      const best = ranked(shown[n]).slice(0, 3);
      const word = ([piece]) => visible(this.pieces[piece].text);
      const words = best.map((one) => `${word(one)} ${this.percent(one[1])}`).join(", ");
      button.lastChild.textContent = best.length ? word(best[0]) : " ";
      button.title = this.labels.head(layer, head, words);
    });
    this.shade(this.head === null ? mean(shown) : shown[this.head] ?? new Map());
  }

  buildHeads(heads) {
    this.heads.replaceChildren();
    this.head = null;
    this.headButtons = heads.map(({ layer, head }, n) => {
      if (head === 0) {
        const label = this.labels.layer(layer);
        const row = make("div", { className: "layer", role: "group", ariaLabel: label });
        row.append(make("span", { className: "layer-name", textContent: label }));
        this.heads.append(row);
      }
      const button = make("button", { type: "button", className: "head" });
      button.append(make("b", { textContent: head }), " ", make("span"));
      button.addEventListener("click", () => this.chooseHead(n));
      this.heads.lastChild.append(button);
      return button;
    });
    this.markHead();
  }

  chooseHead(number) {
    this.head = number;
    this.markHead();
    this.setTinted(false);
  }

  markHead() {
    this.allHeads.ariaPressed = String(this.head === null);
    this.headButtons.forEach((b, n) => (b.ariaPressed = String(this.head === n)));
  }

  /** Return a Map from pieces to the attention that their tokens got together. */
  onPieces(weights, start) {
    const sums = new Map();
    weights.forEach((weight, n) => {
      const piece = this.pieceAt[start + n] ?? this.pieces.length - 1;
      sums.set(piece, (sums.get(piece) ?? 0) + weight);
    });
    return sums;
  }

  // The shades of the text: where the model looked, or how unsure it was

  setTinted(tinted) {
    if (this.tinted !== tinted) this.onTint?.(tinted);
    this.tinted = this.tintCheck.checked = tinted;
    this.legends.forEach((legend, n) => legend.classList.toggle("not", tinted !== (n === 1)));
    for (const span of this.text.children) span.style.backgroundColor = "";
    this.shaded = [];
    if (tinted) this.tint(0);
    else this.look();
  }

  /** Tint the pieces from one on by how unsure the model was. */
  tint(first) {
    for (let n = first; n < this.pieces.length; n++) {
      const share = Math.min((this.unsure(this.pieces[n].token) ?? 0) / VERY_UNSURE, 1);
      const colour = share && `rgba(var(--unsure), ${(0.45 * share).toFixed(3)})`;
      this.text.children[n].style.backgroundColor = colour || "";
    }
  }

  shade(weights) {
    if (this.tinted) return;
    const spans = this.text.children;
    for (const span of this.shaded) span.style.backgroundColor = "";
    // Two pieces that got as much are equally dark, but the darkest is never too dark
    // for its letters to be read.
    const strongest = Math.max(...weights.values(), 0.2);
    this.shaded = [];
    for (const [piece, weight] of weights) {
      if (weight < strongest / 20 || !spans[piece]) continue;
      const alpha = (0.42 * weight) / strongest;
      spans[piece].style.backgroundColor = `rgba(var(--look), ${alpha.toFixed(3)})`;
      this.shaded.push(spans[piece]);
    }
  }
}

function make(tag, properties = {}) {
  const { role, ...others } = properties;
  const element = Object.assign(document.createElement(tag), others);
  if (role) element.setAttribute("role", role);
  // Not every browser reflects these as properties yet.
  for (const [name, value] of Object.entries(others)) {
    if (name.startsWith("aria")) element.setAttribute(`aria-${name.slice(4).toLowerCase()}`, value);
  }
  return element;
}

function makeRow(body) {
  const row = make("tr");
  const heading = make("th", { scope: "row" });
  const name = make("button", { type: "button", className: "token" });
  heading.append(name);
  row.append(heading);
  const [before, after] = ["before", "after"].map((className) => {
    const cell = make("td", { className });
    const track = make("span", { className: "track" });
    const fill = make("span", { className: "fill" });
    const number = make("span", { className: "number" });
    track.append(fill);
    cell.append(track, number);
    row.append(cell);
    return { fill, number };
  });
  body.append(row);
  return { row, name, before, after };
}

function ranked(weights) {
  return [...weights].sort((a, b) => b[1] - a[1]);
}

function mean(maps) {
  const sums = new Map();
  for (const map of maps) {
    for (const [key, value] of map) sums.set(key, (sums.get(key) ?? 0) + value / maps.length);
  }
  return sums;
}
