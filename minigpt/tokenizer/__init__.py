"""Turn text into token ids and back: by characters, byte pairs or words."""

# ruff: noqa: F401 (these names are public)

from minigpt.tokenizer.base import (
    MAX_VOCAB_SIZE,
    Tokenizer,
    as_ids,
    stream_text,
    until_end,
    visible,
)
from minigpt.tokenizer.bpe import (
    BPETokenizer,
    byte_ids,
    count_pairs,
    learn_merges,
    merge_pair,
    most_frequent,
    split_words,
)
from minigpt.tokenizer.char import CharTokenizer
from minigpt.tokenizer.tokenizer_json import from_hugging_face, to_hugging_face
from minigpt.tokenizer.vocab_json import (
    load_tokenizer,
    tokenizer_from_dict,
    tokenizer_to_json,
    train_tokenizer,
)
from minigpt.tokenizer.word import WordTokenizer
