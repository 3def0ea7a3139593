"""Prepare a text: `minigpt prepare`."""

from pathlib import Path

from minigpt import data
from minigpt.cli.output import count


def run(
    source: str | None, tokenizer: str | None, vocab_size: int | None, data_dir: Path
) -> None:
    """Write train.bin, val.bin and vocab.json, and print what is in them."""
    path = data.find_source(source, data_dir)
    dataset = data.read_dataset(path, tokenizer, vocab_size)
    data.save_dataset(dataset, data_dir)
    made, entropy = dataset.tokenizer, dataset.entropy
    if entropy is None:
        characters = len(data.read_text(path))
        print(f"text        {path} ({count(characters, 'character')})")
    else:
        print(f"text        {path} ({data.TRAIN_TALES + data.VAL_TALES:,} tales)")
        print(f"entropy     {entropy:.3f} nats per token: no loss can be lower")
    print(f"tokenizer   {made.to_dict()['type']}, {count(made.vocab_size, 'token')}")
    print(f"train.bin   {count(len(dataset.train_ids), 'id')}")
    print(f"val.bin     {count(len(dataset.val_ids), 'id')}")
    print(f"written to  {data_dir}")
