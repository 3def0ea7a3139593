"""Take a text file to ids on disk, and from there to random batches."""

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minigpt.tokenizer import Tokenizer, load_tokenizer, save_tokenizer
