// Show one slide at a time; the address remembers which.

const slides = [...document.querySelectorAll("main > section")];
const LARGEST = 1.4; // of the usual size of letters
const SMALLEST = 0.5;
let current = 0;

function show(number) {
  current = Math.min(Math.max(number, 0), slides.length - 1);
  slides.forEach((slide, n) => slide.classList.toggle("shown", n === current));
  document.getElementById("place").textContent = `${current + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${current + 1}`);
  fit(slides[current]);
}

// What is too long for the screen is written smaller, and only then has to scroll.
function fit(slide) {
  let size = LARGEST;
  do slide.style.fontSize = `${size}em`;
  while (slide.scrollHeight > slide.clientHeight && (size -= 0.05) >= SMALLEST);
}

const STEPS = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("button")) return;
  if (event.key in STEPS) show(current + STEPS[event.key]);
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(slides.length - 1);
  else return;
  event.preventDefault();
});
const asked = () => (Number(location.hash.slice(1)) || 1) - 1;
addEventListener("hashchange", () => show(asked()));
addEventListener("resize", () => fit(slides[current]));
document.getElementById("back").addEventListener("click", () => show(current - 1));
document.getElementById("on").addEventListener("click", () => show(current + 1));
document.querySelectorAll("img").forEach((image) => (image.loading = "eager"));
show(asked());
