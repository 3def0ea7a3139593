"""A session asks, writes and asks again, in English and in Russian."""

import os
import re
import string
import time

import pytest
from console_tools import QUICK, call
from terminal import Terminal

from minigpt.checkpoint import load_checkpoint
from minigpt.cli import console
from minigpt.cli.texts import EXIT, NO, TEXTS, YES, choose_language, format_number

DEFAULTS = "\n\n\n\n"


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_everything():
    assert TEXTS["en"].keys() == TEXTS["ru"].keys()
    for key, text in TEXTS["en"].items():
        assert placeholders(text) == placeholders(TEXTS["ru"][key])
        assert "\n" not in text + TEXTS["ru"][key]
    assert not YES & NO and not EXIT & (YES | NO)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "rup_MK"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, "ru"),
    ],
)
def test_the_language_is_that_of_the_locale(environment, language):
    assert choose_language(None, environment) == language
    assert choose_language("ru", environment) == "ru"


@pytest.fixture
def session(minigpt, trained, trained_ru):
    """Hold a session of these answers, and return what it wrote."""

    def hold(answers, lang="en", *more):
        model = trained if lang == "en" else trained_ru
        words = ["generate", "--lang", lang, "--checkpoint", model, *more]
        result = minigpt(*words, stdin=answers)
        assert result.status == 0, result.err
        assert result.err == f"model: {model}\n"
        return result.out

    return hold


def test_an_english_session(session, trained):
    out = session("The fox\n" + DEFAULTS + "A crow\n7\n1.2\n11\nno\nexit\n")
    questions = re.findall(r"^(.*: )(.*)$", out, re.MULTILINE)
    V = load_checkpoint(trained).tokenizer.vocab_size
    top_k = "Number of most probable tokens to draw from (top-k), 10 to"
    assert questions[:5] == [
        ("Enter the beginning of a text: ", "The fox"),
        ("Number of tokens to write, 1 to 10000 [50]: ", ""),
        ("Temperature, 0.1 to 1.5 [0.8]: ", ""),
        (f"{top_k} {V} [50]: ", ""),
        ("Draw at random (yes/no) [yes]: ", ""),
    ]
    first, second = re.findall(r"\[yes\]: (?:no)?\n\n(.*?)\n\nEnter", out, re.DOTALL)
    assert first.startswith("The fox") and len(first) == 7 + 50
    assert second.startswith("A crow") and len(second) == 6 + 7
    assert out.endswith("Enter the beginning of a text: exit\nGoodbye!\n")


def test_a_russian_session(session):
    out = session("Лиса\n20\n0,5\n12\nда\nВЫХОД\n", "ru")
    assert out.startswith("Начните текст")
    for question in (
        "Введите начальный текст: Лиса\n",
        "Сколько токенов написать, от 1 до 10000 [50]: 20\n",
        "Температура, от 0,1 до 1,5 [0,8]: 0,5\n",
        "Выбирать случайно (да/нет) [да]: да\n",
    ):
        assert question in out
    text = re.search(r"\[да\]: да\n\n(Лиса.*?)\n\nВведите", out, re.DOTALL)
    assert text and len(text[1]) == 24
    assert out.endswith("До свидания!\n")
    # Nothing is left untranslated.
    assert not re.search("[A-Za-z]", re.sub("Enter|Ctrl-C|top-k", "", out))


@pytest.mark.parametrize("word", ["exit", "quit", "выход", "EXIT", " Выход ", "Quit"])
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_words_that_end_a_session(session, word, lang):
    assert session(f"{word}\n", lang).endswith(f"{TEXTS[lang]['goodbye']}\n")


@pytest.mark.parametrize("answers", ["", "The fox", "The fox\n5\n", "The\n5\nquit\n"])
def test_the_end_of_input_ends_it_anywhere(session, answers):
    assert session(answers).endswith("\nGoodbye!\n")


BAD = [
    (0, "", "Write at least one character.", "Введите хотя бы один символ."),
    (1, "many", "many is not a whole number from 1 to 10000.", "не целое число"),
    (1, "0", "0 is not a whole number from 1 to 10000.", "«0» — не целое число от 1"),
    (1, "-5", "-5 is not a whole number", "«-5» — не целое число"),
    (1, "10001", "10001 is not a whole number", "«10001» — не целое число"),
    (1, "2.5", "2.5 is not a whole number", "«2.5» — не целое число"),
    (2, "hot", "hot is not a number from 0.1 to 1.5.", "— не число от 0,1 до 1,5."),
    (2, "0", "0 is not a number from 0.1 to 1.5.", "«0» — не число от 0,1 до 1,5."),
    (2, "1.6", "1.6 is not a number", "«1.6» — не число"),
    (2, "nan", "nan is not a number", "«nan» — не число"),
    (3, "9", "9 is not a whole number from 10 to", "«9» — не целое число от 10 до"),
    (3, "100", "100 is not a whole number from 10 to", "«100» — не целое число"),
    (4, "maybe", "maybe is neither yes nor no.", "«maybe» — не «да» и не «нет»."),
]


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize(("question", "answer", "english", "russian"), BAD)
def test_a_bad_answer_gets_one_line_and_is_asked_again(
    session, question, answer, english, russian, lang
):
    good = ["А" if lang == "ru" else "A", "5", "0.5", "10", "y"]
    answers = [*good[:question], answer, *good[question:], "exit"]
    lines = session("\n".join(answers) + "\n", lang).splitlines()
    complaint = russian if lang == "ru" else english
    place = next(i for i, line in enumerate(lines) if complaint in line)
    asked, again = lines[place - 1], lines[place + 1]
    assert asked.endswith(f": {answer}") and again.endswith(f": {good[question]}")
    assert asked.rpartition(": ")[0] == again.rpartition(": ")[0]


def test_an_unknown_character_is_named_with_its_place(session):
    out = session("The caf\u00e9\nThe\n" + DEFAULTS)
    assert "Unknown character 'é' (U+00E9) at position 8" in out
    out = session("Лиса и w\nЛиса\n" + DEFAULTS, "ru")
    assert "Неизвестный символ 'w' (U+0077), позиция 8" in out
    out = session("a\tb\nThe\n")
    assert "Unknown character '\\t' (U+0009) at position 2" in out


def test_what_is_given_on_the_command_line_is_in_the_brackets(session):
    more = "--length", 9, "--temperature", 2, "--top-k", 3, "--greedy"
    out = session("The\n" + DEFAULTS + "The\n" + DEFAULTS, "en", *more)
    for default in "[9]", "[2]", "[3]", "[no]":
        assert out.count(default) == 2
    first, second = re.findall(r"\[no\]: \n\n(.*?)\n\nEnter", out, re.DOTALL)
    assert first == second and len(first) == 12


def test_a_seed_repeats_a_session_but_not_its_texts(session):
    answers = ("The\n" + DEFAULTS) * 2
    one = session(answers, "en", "--seed", 1)
    assert one == session(answers, "en", "--seed", 1)
    assert one != session(answers, "en", "--seed", 2)
    first, second = re.findall(r"\[yes\]: \n\n(.*?)\n\nEnter", one, re.DOTALL)
    assert first != second


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_ctrl_c_stops_a_text_but_not_the_session(session, monkeypatch, lang):
    def interrupted(*arguments):
        yield "a"
        yield "b"
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "continuation", interrupted)
    prompt = "А" if lang == "ru" else "A"
    out = session(f"{prompt}\n{DEFAULTS}exit\n", lang)
    stopped, question = TEXTS[lang]["stopped"], TEXTS[lang]["prompt"]
    assert f"{prompt}ab\n{stopped}\n\n{question}: exit\n" in out


def test_ctrl_c_at_a_question_ends_the_session(session, monkeypatch):
    def ask(question):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", ask)
    assert session("").endswith("\n\nGoodbye!\n")


def test_an_unknown_language(minigpt, trained):
    complaint = minigpt("generate", "--lang", "fr", "--checkpoint", trained).complaint
    assert "unknown language 'fr'" in complaint and "en, ru" in complaint


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    # A locale may be asked for that is not installed, as in many containers.
    ("locale", "kind"),
    [("ru_RU.UTF-8", "xterm"), ("C.UTF-8", "xterm"), ("C.UTF-8", "dumb")],
)
def test_in_a_real_terminal(trained_ru, locale, kind):
    words = ["generate", "--checkpoint", trained_ru, "--length", 10_000]
    if locale == "C.UTF-8":
        words += ["--lang", "ru"]
    terminal = Terminal(*words, LC_ALL=locale, TERM=kind)
    terminal.read_until("Введите начальный текст: ")
    terminal.type("Лиса\n\n\n\n\n")
    terminal.read_until("Выбирать случайно (да/нет) [да]: ")
    terminal.read_until("Лиса")
    terminal.type("\x03")
    terminal.read_until("[прервано]")
    terminal.read_until("Введите начальный текст: ")
    time.sleep(0.3)  # a Ctrl-C before Python waits for the answer would be held back
    terminal.type("\x03")
    terminal.read_until("До свидания!")
    assert terminal.close() == 0


def test_answers_from_a_file_of_windows_are_understood(session, trained):
    answers = "The fox\n5\n0.5\n10\nno\nexit\n"
    windows = session(answers.replace("\n", "\r\n"), "en", "--seed", 1)
    assert windows == session(answers, "en", "--seed", 1)
    assert "\r" not in windows


def test_a_letter_split_into_two_characters_is_known(session):
    out = session("Лиси" + "\u0306 \n5\n\n\n\nexit\n", "ru")
    assert "Неизвестный символ" not in out
    out = session("Лиси\u0306\u0306\nexit\n", "ru")
    assert "Неизвестный символ '\u0306' (U+0306), позиция 5" in out


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_words_that_the_model_does_not_know_are_named(minigpt, word_model, lang):
    words = "generate", "--checkpoint", word_model, "--lang", lang, "--length", 3
    result = minigpt(*words, stdin="The zebra, the qoph\n\n\n\n\nexit\n")
    unknown = TEXTS[lang]["unknown_words"].format(words="zebra, qoph")
    assert result.err == f"model: {word_model}\n{unknown}\n"
    result = minigpt(*words, "--prompt", "The zebra, the qoph")
    unknown = TEXTS["en"]["unknown_words"].format(words="zebra, qoph")
    assert result.err == f"model: {word_model}\n{unknown[0].lower()}{unknown[1:]}\n"
    assert minigpt(*words, "--prompt", "The").err == f"model: {word_model}\n"


@pytest.fixture(scope="module")
def word_model(fables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    words = "--tokenizer", "word", "--vocab-size", 1000, "--data-dir", folder
    assert call("prepare", fables, *words) == 0
    words = "--max-iters", 1, "--data-dir", folder, "--out-dir", folder
    assert call("train", *QUICK, *words) == 0
    return folder / "model_final.pt"


@pytest.mark.parametrize(
    ("number", "english", "russian"),
    [(0.8, "0.8", "0,8"), (2.0, "2", "2"), (1_000_000, "1000000", "1000000")],
)
def test_numbers_as_people_write_them(number, english, russian):
    assert format_number(number, "en") == english
    assert format_number(number, "ru") == russian
