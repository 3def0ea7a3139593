/** What the page says, in every language that it speaks, and how it writes numbers. */

/** Return a function that writes a probability as a percentage. */
export function percentIn(language) {
  const percent = (chance) => {
    if (chance > 0 && chance < 0.01) return `<${percent(0.01)}`;
    return chance.toLocaleString(language, { style: "percent" });
  };
  return percent;
}

export const LABELS = {
  en: {
    title: "A small GPT",
    about: "It has learned to write from one text, and knows nothing else.",
    aboutTales:
      "It has learned to write from the little tales of the minigpt course, and knows " +
      "nothing else.",
    loss: (loss, choices) =>
      `Its validation loss is ${loss} nats per token: on average it is as unsure as ` +
      `if it had to choose between ${choices} tokens.`,
    facts: (parameters, layers, heads, tokens, block) =>
      `${parameters} parameters in ${layers} × ${heads} attention heads; it knows ` +
      `${tokens} tokens and sees ${block} of them at once. All of it is in this page, ` +
      "and nothing that you type leaves it.",
    loading: "Unpacking the model…",
    settings: "Settings",
    prompt: "The beginning of a text",
    temperature: "Temperature",
    topK: "Top-k",
    topP: "Top-p",
    penalty: "Repetition penalty",
    length: "Length in tokens",
    seed: "Seed",
    sample: "Draw at random",
    all: "all",
    another: "Another text",
    copyLink: "Copy link",
    copyText: "Copy text",
    linkCopied: "The link is copied: it holds the prompt and the settings.",
    textCopied: "The text is copied.",
    notCopied: "This browser does not let a page copy; the link is in the address bar.",
    written: (count) => `Tokens written: ${count}`,
    speed: (speed) => `${speed} per second`,
    emptyPrompt: "Write at least one character: the model needs a token to start from.",
    unknownCharacter: (character, position) =>
      `The model has never seen the character “${character}” (number ${position} of ` +
      "your text). Leave it out.",
    unknownWords: (words) => `Unknown to the model, which reads them as <unk>: ${words}`,
    damaged: "This page is damaged, and its model cannot be read. Publish it again.",
    text: "The text",
    hint: "Point at a word, or move through the text with the arrow keys, to see what " +
      "else could have stood there. Click the word to keep it in view; Escape returns to " +
      "the end. Choose another token among the bars, and the text goes on with that one; " +
      "Backspace takes you back.",
    back: "Back",
    backTitle: "Back to the text before (Backspace)",
    wentBack: "The text before is back.",
    pick: (token) => `Let the text go on with “${token}”`,
    goesOn: (token) => `The text goes on with “${token}”.`,
    tip: (before, after) =>
      before === after ? before : `${before}, after the settings ${after}`,
    tint: "Shade the tokens by how unsure the model was",
    tints: "The darker a token, the less sure the model was of what comes next. The " +
      "darkest ones stand where it was as unsure as if it had 20 tokens to choose from.",
    instead: (token) => `What could have stood in place of “${token}”`,
    noText: "There is no text yet",
    nothingBefore: "The model was given this token, and nothing before it to guess from",
    token: "Token",
    before: "The model",
    after: "After the settings",
    chosen: "stands here",
    looked: "Where each head looked",
    shades: "The shades in the text show where the chosen head looked.",
    allHeads: "All heads",
    layer: (layer) => `Layer ${layer}`,
    head: (layer, head, words) => `Layer ${layer}, head ${head} looked at ${words}`,
    spoken: (token, before, after) =>
      `${token}: ${before}; after the settings ${after}`,
  },
  ru: {
    title: "Маленькая GPT",
    about: "Она училась писать на одном тексте и ничего другого не знает.",
    aboutTales:
      "Она училась писать на маленьких сказках из курса minigpt и ничего другого не " +
      "знает.",
    loss: (loss, choices) =>
      `Потери на проверочном тексте: ${loss} ната на токен. В среднем она колеблется ` +
      `так, будто выбирает из ${choices} токенов.`,
    facts: (parameters, layers, heads, tokens, block) =>
      `Параметров: ${parameters}, голов внимания: ${layers} × ${heads}, токенов в ` +
      `словаре: ${tokens}, из них видит сразу ${block}. Всё это хранится в самой ` +
      "странице, и то, что вы пишете, никуда не отправляется.",
    loading: "Модель распаковывается…",
    settings: "Настройки",
    prompt: "Начало текста",
    temperature: "Температура",
    topK: "Top-k",
    topP: "Top-p",
    penalty: "Штраф за повторы",
    length: "Длина в токенах",
    seed: "Зерно",
    sample: "Выбирать случайно",
    all: "все",
    another: "Другой текст",
    copyLink: "Скопировать ссылку",
    copyText: "Скопировать текст",
    linkCopied: "Ссылка скопирована: в ней начало текста и настройки.",
    textCopied: "Текст скопирован.",
    notCopied: "Браузер не даёт странице копировать; ссылка — в адресной строке.",
    written: (count) => `Написано токенов: ${count}`,
    speed: (speed) => `${speed} в секунду`,
    emptyPrompt: "Введите хотя бы один символ: модели нужно с чего-то начать.",
    unknownCharacter: (character, position) =>
      `Символа «${character}» (${position}-й в вашем тексте) модель никогда не ` +
      "видела. Уберите его.",
    unknownWords: (words) => `Модель не знает и читает как <unk>: ${words}`,
    damaged: "Страница повреждена, и модель не прочитать. Опубликуйте её заново.",
    text: "Текст",
    hint: "Наведите указатель на слово или идите по тексту стрелками, и вы увидите, что " +
      "ещё могло стоять на этом месте. Щёлкните слово, чтобы остаться на нём; Escape " +
      "возвращает к концу. Выберите среди столбцов другой токен, и текст продолжится с " +
      "него; Backspace возвращает прежний текст.",
    back: "Назад",
    backTitle: "Вернуть прежний текст (Backspace)",
    wentBack: "Прежний текст возвращён.",
    pick: (token) => `Продолжить текст с «${token}»`,
    goesOn: (token) => `Текст продолжается с «${token}».`,
    tip: (before, after) =>
      before === after ? before : `${before}, после настроек ${after}`,
    tint: "Показать оттенками, насколько модель колебалась",
    tints: "Чем темнее токен, тем меньше модель знала, что будет дальше. Самые тёмные " +
      "стоят там, где она колебалась так, будто выбирала из 20 токенов.",
    instead: (token) => `Что могло стоять на месте «${token}»`,
    noText: "Текста пока нет",
    nothingBefore: "Этот токен модели дали, и угадывать его было не по чему",
    token: "Токен",
    before: "Модель",
    after: "После настроек",
    chosen: "стоит здесь",
    looked: "Куда смотрела каждая голова",
    shades: "Оттенки в тексте показывают, куда смотрела выбранная голова.",
    allHeads: "Все головы",
    layer: (layer) => `Слой ${layer}`,
    head: (layer, head, words) => `Слой ${layer}, голова ${head} смотрела на ${words}`,
    spoken: (token, before, after) => `${token}: ${before}; после настроек ${after}`,
  },
};
