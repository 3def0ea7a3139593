"""Turn text into ids and back: by characters, byte pairs or words."""

from minigpt.tokenizer.base import MAX_VOCAB_SIZE, Tokenizer, visible
from minigpt.tokenizer.char import CharTokenizer
from minigpt.tokenizer.files import (
    load_tokenizer,
    save_tokenizer,
    tokenizer_from_dict,
    train_tokenizer,
)

__all__ = [
    "MAX_VOCAB_SIZE",
    "CharTokenizer",
    "Tokenizer",
    "load_tokenizer",
    "save_tokenizer",
    "tokenizer_from_dict",
    "train_tokenizer",
    "visible",
]
