"""Keep the keys and values of texts, so that a new token costs only its own position.

Letters: B texts, T positions, C channels, H heads, D head size, L layers, V vocabulary.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from minigpt.decoding.products import stack_of
from minigpt.decoding.support import obstacle
from minigpt.decoding.threads import one_thread
from minigpt.decoding.weights import EPSILON, GELU_SHIFT, Array, Layer, snapshot
from minigpt.model import GPT

# So many positions at most are filled in at once, where there are several texts: the
# more at once, the fewer small steps, while all of it stays in the processor's cache.
TOGETHER = 256

# These steps are long enough for two threads to share: the interpreter is idle in most.
WORKERS = 2

# subtle: NumPy adds an array without dimensions twice as fast as a number.
ONE, ZERO, SHIFT = (np.array(x, np.float32) for x in (1, 0, GELU_SHIFT))

# exp of larger scores, or of all scores below its negative, would strain float32. Below
# it, softmax needs no maximum taken off first; above it, no token is certain.
SAFE_SCORE = 70


class Scratch:
    """The arrays that T new positions of B texts pass through, allocated once."""

    def __init__(self, B: int, T: int, C: int, H: int, L: int) -> None:
        n, D = B * T, C // H
        size = stack_of(n, C)
        shape = (n,) if size == n else (math.ceil(n / size), size)
        self.multiply = np.dot if size == n else np.matmul
        self.single = n == 1
        self.stream, self.added = np.zeros((2, *shape, C), np.float32)
        self.qkv = np.zeros((*shape, 3 * C), np.float32)
        self.wide, self.bend = np.zeros((2, *shape, 4 * C), np.float32)
        self.sums = np.ones((L, B, H, T, 1), np.float32)
        # What meets a matrix ends in a 1, for the bias in the matrix's last row.
        self.unit, self.gathered = np.ones((2, *shape, C + 1), np.float32)
        self.bent = np.ones((*shape, 4 * C + 1), np.float32)

        # The same memory, seen otherwise; rows past n only fill up the stack.
        self.row = self.stream.reshape(-1, C)[0]
        self.direction, self.activated = self.unit[..., :-1], self.bent[..., :-1]
        self.embedded = self.stream.reshape(-1, C)[:n].reshape(B, T, C)
        qkv = self.qkv.reshape(-1, 3 * C)[:n].reshape(B, T, 3, H, D)
        self.query_key = qkv[:, :, :2]
        self.query, self.key, self.value = qkv.transpose(2, 0, 3, 1, 4)  # (B, H, T, D)
        heads = self.gathered.reshape(-1, C + 1)[:n, :C].reshape(B, T, H, D)
        assert np.shares_memory(heads, self.gathered)
        self.heads = heads.swapaxes(1, 2)  # (B, H, T, D)
        self.mask = np.triu(np.full((T, T), -np.inf, np.float32), 1)


class Decoder:
    """A copy of a model, and what B texts of one length have left in its cache.

    >>> decoder = Decoder(model)
    >>> decoder.fill([ids[:-1]])
    >>> decoder.step(ids[-1:])  # (1, V): the last row of model(ids), up to rounding

    There is room for one block. Positions are counted from its start, so a text that
    outgrows it is filled in anew, from where `sampling.context_start` says.

    Raises:
        ValueError: the model is not as `GPT` built it (see `support.obstacle`).
    """

    def __init__(self, model: GPT, texts: int = 1) -> None:
        if reason := obstacle(model):
            raise ValueError(f"this model cannot be decoded with a cache: {reason}")
        c = model.config
        self.weights = snapshot(model)
        self.length = 0
        shape = (c.n_layer, texts, c.n_head, c.block_size, c.head_size)
        self.keys, self.values = np.zeros((2, *shape), np.float32)  # (L, B, H, T, D)
        self._epsilon = c.n_embd * self.weights.epsilon
        self._scale = float(np.linalg.norm(self.weights.unembed, axis=0).max())
        self._largest_score = 0.0
        self._step = Scratch(texts, 1, c.n_embd, c.n_head, c.n_layer)
        self._fills: list[Scratch] = []

    @property
    def error(self) -> float:
        """How far logits may be from the model's own: several times the worst seen.

        Softmax turns an error of an attention score into a factor, so layers that
        have large scores multiply the rounding errors that reach them.
        """
        growth = len(self.weights.layers) * math.log1p(self._largest_score / 32)
        return 16 * EPSILON * self._scale * math.exp(min(growth, 600))

    def fill(self, ids: Sequence[Sequence[int]]) -> None:
        """Forget what was kept, and keep T >= 0 positions of each text, ids (B, T)."""
        L, B, H, _, D = self.keys.shape
        self.length, self._largest_score = len(ids[0]), 0.0
        if not self.length:
            return
        most = max(1, min(TOGETHER // self.length, B // WORKERS))
        size = max(n for n in range(1, B + 1) if B % n == 0 and n <= most)
        groups = [slice(start, start + size) for start in range(0, B, size)]
        workers = min(WORKERS, len(groups))
        if not self._fills or self._fills[0].embedded.shape[:2] != (size, self.length):
            self._fills = [
                Scratch(size, self.length, H * D, H, L) for _ in range(workers)
            ]

        def work(worker: int) -> list[float]:
            with np.errstate(all="ignore"):
                return [
                    self._fill_some(self._fills[worker], ids[texts], texts)
                    for texts in groups[worker::workers]
                ]

        with one_thread(), ThreadPoolExecutor(workers) as pool:
            at_once = pool.map if workers > 1 else map
            for scores in at_once(work, range(workers)):
                self._largest_score = max(self._largest_score, *scores)

    def _fill_some(
        self, s: Scratch, ids: Sequence[Sequence[int]], texts: slice
    ) -> float:
        *lower, last = enumerate(self.weights.layers)
        self._embed(s, ids, 0)
        for i, layer in lower:
            self._keep(s, i, layer, texts, 0)
            self._gather(s, i, layer, texts)
            self._feed_forward(s, layer)
        self._keep(s, *last, texts, 0)  # what comes after it, no other position sees
        return largest_score(s)

    def step(self, ids: Sequence[int]) -> Array:
        """Keep one more id of each text, (B,); return the logits after it, (B, V)."""
        s, every = self._step, slice(None)
        start, self.length = self.length, self.length + 1
        with np.errstate(all="ignore"), one_thread():
            self._embed(s, [[i] for i in ids], start)
            for i, layer in enumerate(self.weights.layers):
                self._keep(s, i, layer, every, start)
                self._gather(s, i, layer, every)
                self._feed_forward(s, layer)
            self._largest_score = max(self._largest_score, largest_score(s))
            self._normalise(s)
            logits = s.multiply(s.unit, self.weights.unembed)
        return logits.reshape(-1, logits.shape[-1])[: len(ids)]

    def _embed(self, s: Scratch, ids: Sequence[Sequence[int]], start: int) -> None:
        s.embedded[:] = self.weights.token[np.array(ids)]
        if self.weights.position is not None:
            s.embedded += self.weights.position[start : self.length]

    def _normalise(self, s: Scratch) -> None:
        if s.single:
            length = math.sqrt(float(s.row.dot(s.row)) + self._epsilon)
            np.multiply(s.stream, 1 / length, out=s.direction)
        else:
            squares = np.vecdot(s.stream, s.stream)[..., None]
            np.divide(s.stream, np.sqrt(squares + self._epsilon), out=s.direction)

    def _keep(self, s: Scratch, i: int, layer: Layer, texts: slice, start: int) -> None:
        self._normalise(s)
        s.multiply(s.unit, layer.qkv, out=s.qkv)
        if self.weights.turn is not None:
            self._turn(s.query_key, self.weights.turn[start : self.length])
        self.keys[i, texts, :, start : self.length] = s.key
        self.values[i, texts, :, start : self.length] = s.value

    def _turn(self, query_key: Array, turn: NDArray[np.complex64]) -> None:
        squares = np.vecdot(query_key, query_key)[..., None]  # (B, T, 2, H, 1)
        query_key /= np.sqrt(squares + query_key.shape[-1] * EPSILON)
        pairs = query_key.view(np.complex64)  # (B, T, 2, H, D / 2)
        pairs *= turn[:, None, None]

    def _gather(self, s: Scratch, i: int, layer: Layer, texts: slice) -> None:
        keys = self.keys[i, texts, :, : self.length]
        values = self.values[i, texts, :, : self.length]
        weights = s.query @ keys.swapaxes(-1, -2)  # (B, H, T, length)
        if len(s.mask) > 1:
            weights += s.mask
        np.exp(weights, out=weights)
        sums = np.add.reduce(weights, -1, out=s.sums[i], keepdims=True)
        np.divide(weights @ values, sums, out=s.heads)
        s.multiply(s.gathered, layer.out, out=s.added)
        s.stream += s.added

    def _feed_forward(self, s: Scratch, layer: Layer) -> None:
        self._normalise(s)
        s.multiply(s.unit, layer.up, out=s.wide)
        if self.weights.turn is not None:  # modern: ReLU squared
            np.maximum(s.wide, ZERO, out=s.wide)
            np.multiply(s.wide, s.wide, out=s.activated)
        else:
            self._gelu(s)
        s.multiply(s.bent, layer.down, out=s.added)
        s.stream += s.added

    def _gelu(self, s: Scratch) -> None:
        np.multiply(s.wide, s.wide, out=s.bend)
        s.bend += SHIFT
        s.bend *= s.wide
        np.exp(s.bend, out=s.bend)  # twice as fast as tanh
        s.bend += ONE
        np.divide(s.wide, s.bend, out=s.activated)


def largest_score(s: Scratch) -> float:
    """Return the largest attention score that passed s, or infinity from SAFE_SCORE."""
    # A logarithm of the sum of exponentials is the largest score, or little more.
    score = float(np.abs(np.log(s.sums)).max())
    return score if score < SAFE_SCORE else math.inf
