/**
 * From logits to probabilities to the next token, as in minigpt/sampling.py.
 *
 * The settings are { temperature, topK, topP, sample, penalty }; a topK of 0 and a
 * penalty of 1 change nothing.
 */

import { softmax } from "./arithmetic.js";

/**
 * Return the probabilities (V) that the next token is drawn from.
 *
 * occurred: the ids of the text so far, for the repetition penalty.
 */
export function probabilities(logits, settings, occurred = []) {
  const scores = penalise(logits, settings.penalty, occurred);
  if (!settings.sample) return certainly(mostProbable(scores), scores.length);
  const kept = highest(scores, settings.topK || scores.length);
  const chances = softmax(kept.map((id) => scores[id] / settings.temperature));
  const out = new Float64Array(scores.length);
  let above = 0;
  for (let rank = 0; rank < kept.length; rank++) {
    // A token stays if those ranked above it do not add up to topP yet.
    if (settings.topP < 1 && above >= settings.topP) break;
    out[kept[rank]] = chances[rank];
    above += chances[rank];
  }
  for (const id of kept) out[id] /= above;
  return out;
}

/** Return what the model itself expects, before any setting has changed it. */
export function untouched(logits) {
  return softmax(new Float64Array(logits));
}

/** Return the entropy in nats: how unsure these probabilities leave one. */
export function entropy(chances) {
  let sum = 0;
  for (const chance of chances) if (chance > 0) sum -= chance * Math.log(chance);
  return sum;
}

/**
 * Make tokens that have occurred less probable.
 *
 * A positive logit is divided by the penalty and a negative one multiplied, as in
 * "CTRL" (Keskar et al., 2019): both move it down.
 */
function penalise(logits, penalty, occurred) {
  const scores = new Float64Array(logits);
  if (penalty === 1) return scores;
  for (const id of new Set(occurred)) {
    scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
  }
  return scores;
}

function certainly(id, length) {
  const out = new Float64Array(length);
  out[id] = 1;
  return out;
}

/** Return the id with the highest score; of equals, the lowest id. */
export function mostProbable(scores) {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id] > scores[best]) best = id;
  return best;
}

/** Return the ids of the `count` highest scores, the highest first. */
export function highest(scores, count) {
  // Sorting bare numbers is quick, and leaves few ids that are worth comparing.
  const lowest = count < scores.length ? scores.slice().sort().at(-count) : -Infinity;
  const ids = [];
  for (let id = 0; id < scores.length; id++) if (scores[id] >= lowest) ids.push(id);
  return ids.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, count);
}

/** Draw an id: the one whose share of the line from 0 to 1 contains a random number. */
export function draw(chances, random) {
  let total = 0;
  for (const chance of chances) total += chance;
  const target = random.next() * total;
  let sum = 0;
  let last = 0;
  for (let id = 0; id < chances.length; id++) {
    if (chances[id] === 0) continue;
    sum += chances[id];
    if (sum > target) return id;
    last = id;
  }
  return last; // rounding has put the target at the very end
}

/**
 * The random numbers of PyTorch, so that a seed writes the same text here and there.
 *
 * This is the Mersenne Twister (Matsumoto and Nishimura, 1998), 624 numbers of 32 bits
 * that are stirred whenever all of them have been used.
 */
export class Random {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let n = 1; n < 624; n++) {
      const last = this.state[n - 1];
      this.state[n] = Math.imul(1812433253, last ^ (last >>> 30)) + n;
    }
    this.used = 624;
  }

  /** Return a number from 0 to below 1, with 53 random bits. */
  next() {
    const high = this.bits() & 0x1fffff;
    return (high * 2 ** 32 + this.bits()) / 2 ** 53;
  }

  bits() {
    if (this.used === 624) this.stir();
    let y = this.state[this.used++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  stir() {
    const { state } = this;
    for (let n = 0; n < 624; n++) {
      const y = (state[n] & 0x80000000) | (state[(n + 1) % 624] & 0x7fffffff);
      state[n] = state[(n + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.used = 0;
  }
}
