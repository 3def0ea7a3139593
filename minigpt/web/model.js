/**
 * The GPT of minigpt/model.py and minigpt/decoding.py once more, in JavaScript.
 *
 * It reads one token at a time. Keys and values do not depend on later tokens, so they
 * are kept: to read another token, the model computes a single new position.
 * Letters: C channels, H heads, D = C / H channels of a head, S positions so far.
 */

import {
  add, dot, gelu, layerNorm, linear, multiply, normalise, rmsNorm, rotate, softmax,
  squaredRelu,
} from "./arithmetic.js";

export class GPT {
  /**
   * config: the fields of Python's GPTConfig.
   * weights: a Map from the names in PyTorch's state_dict to arrays.
   */
  constructor(config, weights) {
    this.config = config;
    this.length = 0; // positions in the cache; lower it to forget the last ones
    this.tokenEmbedding = weights.get("token_embedding.weight");
    this.positionEmbedding = weights.get("position_embedding.weight");
    this.blocks = Array.from(
      { length: config.n_layer },
      (_, n) => new Block(config, (name) => layer(weights, `blocks.${n}.${name}`)),
    );
    this.finalNorm = makeNorm(config, layer(weights, "final_norm"));
  }

  /**
   * Read the next token of the text.
   *
   * Returns the residual stream x (C) after the last block, and for each layer the
   * attention weights (H, S) with which this position looked at those so far.
   */
  feed(id) {
    const { n_embd: C, block_size: longest, modern } = this.config;
    const t = this.length;
    if (t >= longest) throw new RangeError(`the block holds ${longest} positions`);
    let x = this.tokenEmbedding.slice(id * C, (id + 1) * C);
    if (!modern) add(x, this.positionEmbedding.subarray(t * C, (t + 1) * C));
    const attention = this.blocks.map((block) => {
      const { out, weights } = block.attend(block.norm1(x), t);
      add(x, out);
      add(x, block.feedForward(block.norm2(x)));
      return weights;
    });
    this.length = t + 1;
    return { x, attention };
  }

  /** Return the logits (V) of the token that follows, given what `feed` returned. */
  unembed(x) {
    // The token embedding is used a second time: its rows are compared with x.
    const logits = new Float32Array(this.config.vocab_size);
    return multiply(this.tokenEmbedding, this.finalNorm(x), logits);
  }
}

/** A block of the model, with its part of the cache. */
class Block {
  constructor(config, part) {
    this.config = config;
    this.norm1 = makeNorm(config, part("norm1"));
    this.norm2 = makeNorm(config, part("norm2"));
    this.qkv = part("attention.qkv");
    this.out = part("attention.out");
    this.up = part("feed_forward.up");
    this.down = part("feed_forward.down");
    this.activation = config.modern ? squaredRelu : gelu;
    this.keys = new Float32Array(config.block_size * config.n_embd);
    this.values = new Float32Array(config.block_size * config.n_embd);
    this.found = new Float32Array(config.n_embd);
  }

  /** Return what the heads found for position t, and the weights (H, S) they used. */
  attend(x, t) {
    const { n_embd: C, n_head: H } = this.config;
    const [D, S] = [C / H, t + 1];
    const qkv = linear(this.qkv, x);
    const [query, key, value] = [0, C, 2 * C].map((n) => qkv.subarray(n, n + C));
    if (this.config.modern) placeHeads(query, D, t);
    if (this.config.modern) placeHeads(key, D, t);
    const { keys, values, found } = this;
    keys.set(key, t * C);
    values.set(value, t * C);

    found.fill(0);
    const weights = new Float32Array(H * S);
    for (let head = 0; head < H; head++) {
      const own = weights.subarray(head * S, (head + 1) * S);
      const first = head * D; // the head's first channel
      // No mask is needed: the cache holds nothing that comes later.
      for (let s = 0; s < S; s++) {
        own[s] = dot(query, first, keys, s * C + first, D) / Math.sqrt(D);
      }
      softmax(own);
      for (let s = 0; s < S; s++) {
        for (let n = first; n < first + D; n++) {
          found[n] += own[s] * values[s * C + n];
        }
      }
    }
    return { out: linear(this.out, found), weights };
  }

  /** Return what the two linear layers with an activation between them make of x. */
  feedForward(x) {
    return linear(this.down, this.activation(linear(this.up, x)));
  }
}

/** Normalise each head's share of a query or key, and rotate it to position t. */
function placeHeads(x, D, t) {
  for (let n = 0; n < x.length; n += D) {
    const head = x.subarray(n, n + D);
    normalise(head);
    rotate(head, t);
  }
}

/** Return a layer's learned numbers, and room for its output. */
function layer(weights, name) {
  const weight = weights.get(`${name}.weight`);
  const bias = weights.get(`${name}.bias`); // RMSNorm has none
  return { weight, bias, out: new Float32Array((bias ?? weight).length) };
}

function makeNorm(config, learned) {
  const norm = config.modern ? rmsNorm : layerNorm;
  return (x) => norm(learned, x);
}
