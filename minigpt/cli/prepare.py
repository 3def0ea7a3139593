"""Prepare a text: `minigpt prepare`."""

from pathlib import Path

from minigpt import data


def run(
    source: str | None, tokenizer: str, vocab_size: int | None, data_dir: Path
) -> None:
    """Write train.bin, val.bin and vocab.json, and say what they were made from."""
    path = data.find_source(source, data_dir)
    text = data.read_text(path)
    dataset = data.make_dataset(text, tokenizer, vocab_size)
    data.save_dataset(dataset, data_dir)
    print(f"text        {path} ({len(text):,} characters)")
    print(f"tokenizer   {tokenizer}, {dataset.tokenizer.vocab_size:,} tokens")
    print(f"train.bin   {len(dataset.train_ids):,} ids")
    print(f"val.bin     {len(dataset.val_ids):,} ids")
    print(f"written to  {data_dir}")
