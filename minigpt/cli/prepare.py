"""Prepare a text: `minigpt prepare`."""

from pathlib import Path

from minigpt import data
from minigpt.cli.output import count


def run(
    source: str | None, tokenizer: str, vocab_size: int | None, data_dir: Path
) -> None:
    """Write train.bin, val.bin and vocab.json, and print what is in them."""
    path = data.find_source(source, data_dir)
    text = data.read_text(path)
    dataset = data.make_dataset(text, tokenizer, vocab_size)
    data.save_dataset(dataset, data_dir)
    print(f"text        {path} ({count(len(text), 'character')})")
    print(f"tokenizer   {tokenizer}, {count(dataset.tokenizer.vocab_size, 'token')}")
    print(f"train.bin   {count(len(dataset.train_ids), 'id')}")
    print(f"val.bin     {count(len(dataset.val_ids), 'id')}")
    print(f"written to  {data_dir}")
