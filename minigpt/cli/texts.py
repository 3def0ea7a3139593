"""Hold the messages of a console session in every language that it speaks."""

import os
import re
from collections.abc import Mapping

TEXTS = {
    "en": {
        "hello": "Start a text, and the model will continue it. Press Enter for the "
        "answer in brackets, Ctrl-C to stop a text; type exit to end the session.",
        "prompt": "Enter the beginning of a text",
        "length": "Number of tokens to write, {low} to {high}",
        "temperature": "Temperature, {low} to {high}",
        "top_k": "Number of most probable tokens to draw from (top-k), {low} to {high}",
        "sample": "Draw at random (yes/no)",
        "yes": "yes",
        "no": "no",
        "no_prompt": "Write at least one character.",
        "unknown": "Unknown character {character} at position {position} (counting "
        "from 1): it is not in the text that the model was trained on. Leave it out.",
        "unknown_words": "Unknown to the model, read as <unk>: {words}",
        "no_number": "{answer} is not a number from {low} to {high}.",
        "no_whole_number": "{answer} is not a whole number from {low} to {high}.",
        "no_choice": "{answer} is neither yes nor no.",
        "stopped": "[stopped]",
        "goodbye": "Goodbye!",
    },
    "ru": {
        "hello": "Начните текст, а модель его продолжит. Enter — взять ответ в "
        "скобках, «выход» — закончить, Ctrl-C — прервать текст.",
        "prompt": "Введите начальный текст",
        "length": "Сколько токенов написать, от {low} до {high}",
        "temperature": "Температура, от {low} до {high}",
        "top_k": "Из скольких самых вероятных токенов выбирать (top-k), "
        "от {low} до {high}",
        "sample": "Выбирать случайно (да/нет)",
        "yes": "да",
        "no": "нет",
        "no_prompt": "Введите хотя бы один символ.",
        "unknown": "Неизвестный символ {character}, позиция {position} (считая с 1): "
        "в тексте, на котором училась модель, его нет. Введите текст без него.",
        "unknown_words": "Модель не знает и читает как <unk>: {words}",
        "no_number": "«{answer}» — не число от {low} до {high}.",
        "no_whole_number": "«{answer}» — не целое число от {low} до {high}.",
        "no_choice": "«{answer}» — не «да» и не «нет».",
        "stopped": "[прервано]",
        "goodbye": "До свидания!",
    },
}

# Answers are understood whatever language the questions are in.
YES = {"yes", "y", "да", "д"}
NO = {"no", "n", "нет", "н"}
EXIT = {"exit", "quit", "выход"}


def choose_language(
    wanted: str | None = None, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the wanted language, or else the locale's, or else English."""
    if wanted is not None:
        if wanted not in TEXTS:
            raise ValueError(
                f"unknown language {wanted!r}: choose from {', '.join(TEXTS)}"
            )
        return wanted
    names = "LC_ALL", "LC_MESSAGES", "LANG"
    locale = next((environment[n] for n in names if environment.get(n)), "")
    language = re.split("[^a-z]", locale.lower())[0]
    return language if language in TEXTS else "en"


def format_number(number: float, language: str) -> str:
    """Return the number as people of that language write it: 0.8, or 0,8."""
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return text.replace(".", ",") if language == "ru" else text


def parse_number(text: str) -> float:
    """Return the number in a text, whose decimal sign may be a point or a comma."""
    return float(text.replace(",", "."))
