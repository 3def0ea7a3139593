"""Exchange models of GPT-2's architecture with Hugging Face's `transformers`.

There a model is a folder: `config.json`, `model.safetensors`, which can hold nothing
but tensors, and `tokenizer.json` or, as GPT-2 was published, `vocab.json` and
`merges.txt`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from minigpt.checkpoint import Checkpoint, rebuild
from minigpt.config import GPTConfig
from minigpt.decoding import unsupported_reason
from minigpt.tokenizer import from_hugging_face, to_hugging_face
from minigpt.tokenizer.tokenizer_json import BYTE_LEVEL, FLAGS

# Our names of the weights, and theirs. Their linear layers store the transposed matrix.
NAMES = {
    "token_embedding": "wte",
    "position_embedding": "wpe",
    "final_norm": "ln_f",
    "blocks.": "h.",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
MASKS = ".attn.bias", ".attn.masked_bias"  # in old files, beside the weights

# What a config.json means by leaving a field out, and what our GPT computes.
FIELDS = {
    "vocab_size": ("vocab_size", 50257),
    "block_size": ("n_positions", 1024),
    "n_layer": ("n_layer", 12),
    "n_head": ("n_head", 12),
    "n_embd": ("n_embd", 768),
    "dropout": ("resid_pdrop", 0.1),
}
COMPUTED: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of one
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}

END_TOKEN = "<|endoftext|>"  # of GPT-2, whose older files do not say that it is special
END = "end_of_text"  # a field of our own in tokenizer_config.json


def to_files(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return the files of a folder that `transformers` loads, by their names.

    Raises:
        ValueError: the model is no GPT-2, or no tokenizer of Hugging Face's gives the
            same ids.
    """
    model, config = checkpoint.model, checkpoint.model.config
    if config.modern:
        raise ValueError("only a GPT-2 can be exported, and this model is a modern one")
    if reason := unsupported_reason(model):
        raise ValueError(f"this model cannot be exported: {reason}")
    tokenizer = checkpoint.tokenizer
    end_token = getattr(tokenizer, "end_token", "") or None
    end_id = config.vocab_size - 1 if end_token else None
    texts = {
        "config.json": {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            **{theirs: getattr(config, ours) for ours, (theirs, _) in FIELDS.items()},
            **{name: values[0] for name, values in COMPUTED.items()},
            "embd_pdrop": config.dropout,
            "attn_pdrop": 0.0,
            "bos_token_id": end_id,
            "eos_token_id": end_id,
        },
        "tokenizer.json": to_hugging_face(tokenizer),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.block_size,
            # Not token_type_ids, whose embeddings GPT-2 would add to those of tokens.
            "model_input_names": ["input_ids", "attention_mask"],
            "bos_token": end_token,
            "eos_token": end_token,
            END: tokenizer.end,
        },
    }
    weights = {}
    for name, weight in model.state_dict().items():
        transposed = _transposed(name, weight.cpu())
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        weights[f"transformer.{name}"] = transposed
    files = {name: json.dumps(content).encode() for name, content in texts.items()}
    tensors = safetensors.torch.save(weights, metadata={"format": "pt"})
    return files | {"model.safetensors": tensors}


def from_folder(folder: str | Path) -> Checkpoint:
    """Return the model of such a folder; nothing inside it is executed.

    Raises:
        ValueError: in one line, if a file is missing or damaged, if the model or its
            tokenizer computes something else than ours do, or if the parts contradict
            each other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: check the path")
    try:
        content = {
            "model_config": _read_config(folder),
            "tokenizer": _read_tokenizer(folder),
            "weights": _read_weights(folder),
            "training": None,
        }
        return rebuild(content)
    except (ValueError, TypeError, UnicodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{folder} cannot be imported: {reason}") from error


def _read_config(folder: Path) -> dict[str, Any]:
    """Return the fields of the `GPTConfig`."""
    content = _read_json(folder / "config.json")
    if (kind := content.get("model_type")) != "gpt2":
        raise ValueError(f"its model_type is {kind!r}, and minigpt reads only 'gpt2'")
    found = {ours: content.get(*field) for ours, field in FIELDS.items()}
    config = GPTConfig(**found)
    inner = None, 4 * config.n_embd
    for name, values in (COMPUTED | {"n_inner": inner}).items():
        if (value := content.get(name, values[0])) not in values:
            raise ValueError(f"its {name} is {value!r}, and minigpt has {values[-1]!r}")
    return asdict(config)


def _read_tokenizer(folder: Path) -> dict[str, Any]:
    """Return the fields of the tokenizer."""
    if (folder / "tokenizer.json").exists():
        content = _read_json(folder / "tokenizer.json")
    elif (folder / "merges.txt").exists():
        content = _read_gpt2_tokenizer(folder)
    else:
        raise ValueError("it has no tokenizer.json, and no vocab.json and merges.txt")
    tokenizer = from_hugging_face(content)
    if (folder / "tokenizer_config.json").exists():
        options = _read_json(folder / "tokenizer_config.json")
        tokenizer.end = options.get(END, tokenizer.end)
        if options.get("add_prefix_space"):
            raise ValueError("its tokenizer adds a space (add_prefix_space)")
    return tokenizer.to_dict()


def _read_gpt2_tokenizer(folder: Path) -> dict[str, Any]:
    """Return what a `tokenizer.json` would hold in place of GPT-2's two files."""
    vocab = _read_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    added = []
    if END_TOKEN in vocab:
        special = {"id": vocab[END_TOKEN], "content": END_TOKEN}
        added = [special | dict.fromkeys(FLAGS, False)]
    model = {"vocab": vocab, "merges": merges}
    return {"added_tokens": added, "pre_tokenizer": BYTE_LEVEL, "model": model}


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / "model.safetensors"
    if not path.is_file():
        raise ValueError(
            "it has no model.safetensors; load it with transformers and write it with "
            "save_pretrained(FOLDER, max_shard_size='99GB')"
        )
    try:
        loaded = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"its model.safetensors is damaged ({error})") from error
    weights = {}
    for name, weight in loaded.items():
        name = name.removeprefix("transformer.")
        for ours, theirs in NAMES.items():
            name = name.replace(theirs, ours)
        if not name.endswith(MASKS):
            weights[name] = _transposed(name, weight)
    head = weights.pop("lm_head.weight", None)
    tied = weights.get("token_embedding.weight", torch.empty(0))
    if head is not None and not (head.shape == tied.shape and (head == tied).all()):
        raise ValueError("its output layer (lm_head) is not its token embedding (wte)")
    return weights


def _transposed(name: str, weight: Tensor) -> Tensor:
    matrix = name.startswith("blocks.") and weight.ndim == 2
    return weight.T.contiguous() if matrix else weight.contiguous()


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"it has no {path.name}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {path.name} is not JSON") from error
    if not isinstance(content, dict):
        raise ValueError(f"its {path.name} is not a JSON object")
    return content
