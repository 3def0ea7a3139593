"""Measure how often one head of a model looks back at what will be mentioned again.

    python benchmarks/heads.py checkpoints/tales.pt

Just before a name, a thing, a food or an animal comes again in an unseen tale, does a
head have more than half of its weight on earlier mentions? The table gives the head
that does so most often for each kind of word, and its share of the repeats.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.data import split_tales
from minigpt.inspection import attention_maps, token_to_come
from minigpt.tales import Tale, read_grammar
from minigpt.tokenizer import Tokenizer

Marked = dict[str, Tensor]  # by kind of word


def repeats(
    ids: Tensor, tokenizer: Tokenizer, lists: Mapping[str, Sequence[str]]
) -> Marked:
    """Mark the earlier mentions of the word that comes next: bool (T, T) by kind.

    A *speaker* is a name at the start of a line. For *speaker, any name*, all names in
    the tale so far count. `lists` holds the words of each kind.
    """
    spelled = [tokenizer.decode([i]).strip() for i in ids.tolist()]
    # The same number for a word with and without a space before it.
    words = torch.tensor([[spelled.index(word) for word in spelled]])
    again = token_to_come(words)[0]
    kinds = {kind: torch.tensor([w in lists[kind] for w in spelled]) for kind in lists}
    found = {
        kind: again & kinds[kind].roll(-1)[:, None]
        for kind in ("thing", "food", "animal", "name")
    }
    new_line = (ids == tokenizer.encode("\n")[0])[:, None]
    speaker = found["name"] & new_line
    any_name = kinds["name"] & torch.ones_like(again).tril()
    return found | {
        "speaker": speaker,
        "speaker, any name": any_name & speaker.any(dim=-1, keepdim=True),
    }


def looking_back(made: Checkpoint, tales: Iterable[Tale]) -> Marked:
    """Return, by kind, where each head has more than half of its weight on the marks.

    Bool (L, H, repeats), one for each repeat in the tales.
    """
    lists, looked = read_grammar().words, dict[str, list[Tensor]]()
    for tale in tales:
        ids = torch.tensor(made.tokenizer.encode("\n" + tale.text))
        ids = ids[: made.model.config.block_size]
        maps = torch.stack(attention_maps(made.model, ids[None]))[:, 0]  # (L, H, T, T)
        for kind, marked in repeats(ids, made.tokenizer, lists).items():
            weight = (maps * marked).sum(dim=-1)[..., marked.any(dim=-1)]
            looked.setdefault(kind, []).append(weight > 0.5)
    return {kind: torch.cat(found, dim=-1) for kind, found in looked.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--tales", type=int, default=200, help="at most 200")
    options = parser.parse_args()
    _, unseen = split_tales(read_grammar())
    print("| what comes again | repeats | best head | of the repeats |")
    print("|---|---|---|---|")
    looked = looking_back(load_checkpoint(options.checkpoint), unseen[: options.tales])
    for kind, found in looked.items():
        shares = found.float().mean(dim=-1)  # (L, H)
        layer, head = divmod(int(shares.argmax()), shares.shape[1])
        best = 100 * shares.max().item()
        print(f"| {kind} | {found.shape[-1]} | {layer}.{head} | {best:.0f} % |")


if __name__ == "__main__":
    main()
