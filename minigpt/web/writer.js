/** Writes a text with a model, and remembers how each of its tokens came about. */

import { draw, entropy, highest, probabilities, Random, untouched } from "./sampling.js";

/**
 * Return where the model's context begins in a text of `length` tokens.
 *
 * A text that has outgrown the block is seen from a multiple of half a block on: when
 * the context slides, every position changes and the cache must be filled anew, so it
 * slides rarely and far.
 */
export function contextStart(length, blockSize) {
  if (length <= blockSize) return 0;
  const stride = Math.max(Math.floor(blockSize / 2), 1);
  return Math.ceil((length - blockSize) / stride) * stride;
}

export class Writer {
  constructor(model, tokenizer) {
    Object.assign(this, { model, tokenizer, settings: null });
    this.text = []; // ids of the prompt and of what follows
    this.traces = []; // what the model had in mind at each position
    this.start = 0; // the place in the text of the first position in the cache
  }

  /**
   * Continue the prompt, and yield the ids that follow.
   *
   * It yields null after each position that it only reads, so that the page can see to
   * other things meanwhile. Model and traces are shared: of two texts, only the one
   * that was begun last may go on. The text ends where one of those that the model has
   * learned would, but not within the first `given` ids.
   */
  *write(prompt, settings, given = prompt.length) {
    this.forgetAllBut(prompt);
    this.settings = settings;
    if (this.hasEnded(given)) return;
    const random = new Random(settings.seed);
    for (let written = 0; written < settings.length; written++) {
      yield* this.read();
      const { x } = this.traces[this.text.length - 1];
      const chances = probabilities(this.model.unembed(x), settings, this.text);
      this.text.push(draw(chances, random));
      if (this.hasEnded(given)) {
        this.text.pop();
        return;
      }
      yield this.text.at(-1);
    }
  }

  /** Begin a new text, keeping what is known about the words it shares with the old. */
  forgetAllBut(prompt) {
    let same = 0;
    while (same < prompt.length && prompt[same] === this.text[same]) same++;
    this.text = [...prompt];
    this.traces = this.traces.slice(0, same);
    this.model.length = Math.min(this.model.length, Math.max(same - this.start, 0));
  }

  /** Return the text and all that is known about it, for `restore`. */
  keep() {
    const { text, traces, settings } = this;
    return { text, traces, settings };
  }

  /** Return to a text that was kept, as if none had been written since. */
  restore({ text, traces, settings }) {
    this.forgetAllBut(text);
    // The same arrays: a `write` that was interrupted goes on with them.
    Object.assign(this, { text, traces, settings });
  }

  /** Let the model read the text up to its end, one position at a time. */
  *read() {
    const last = this.text.length - 1;
    const start = contextStart(this.text.length, this.model.config.block_size);
    // After a change of settings the prompt is the same, and needs no reading at all.
    if (this.traces[last]?.start === start) return;
    for (;;) {
      // Another text may have been read, and left again, since the last `yield`.
      if (start !== this.start) this.model.length = 0;
      this.start = start;
      const place = start + this.model.length;
      if (place > last) return;
      const trace = { ...this.model.feed(this.text[place]), start };
      if (place === last) this.traces[place] = trace;
      else this.traces[place] ??= trace;
      if (place < last) yield null;
    }
  }

  /** Whether what follows the given ids ends with what separates two texts. */
  hasEnded(given) {
    const { end } = this.tokenizer;
    const recent = Math.max(given, this.text.length - [...end].length);
    return end !== "" && this.tokenizer.decode(this.text.slice(recent)).endsWith(end);
  }

  /**
   * Return how the token at a place of the text came about, or null for the first one.
   *
   * rows: the most probable tokens as { id, token, before, after, chosen }: probabilities
   *   before and after the settings.
   * start, heads: for each head its { layer, head, weights }; the weights say how much
   *   it looked at the tokens from `start` on.
   */
  explain(place, count) {
    const trace = this.traces[place - 1];
    if (!trace || place >= this.text.length) return null;
    const logits = this.model.unembed(trace.x);
    const before = untouched(logits);
    const after = probabilities(logits, this.settings, this.text.slice(0, place));
    const shown = highest(before, Math.min(count, before.length));
    const chosen = this.text[place];
    if (!shown.includes(chosen)) shown[shown.length - 1] = chosen;
    const rows = shown.map((id) => ({
      id,
      token: this.tokenizer.tokens[id],
      before: before[id],
      after: after[id],
      chosen: id === chosen,
    }));
    return { rows, start: trace.start, heads: this.headsOf(trace) };
  }

  /** Return the entropy in nats of the choice at a place, or null for the first one. */
  unsure(place) {
    const trace = this.traces[place - 1];
    return trace ? entropy(untouched(this.model.unembed(trace.x))) : null;
  }

  headsOf({ attention }) {
    const H = this.model.config.n_head;
    return attention.flatMap((weights, layer) =>
      Array.from({ length: H }, (_, head) => {
        const S = weights.length / H;
        return { layer, head, weights: weights.subarray(head * S, (head + 1) * S) };
      }),
    );
  }
}
