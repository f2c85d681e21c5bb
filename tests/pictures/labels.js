// What the browser itself says of the picture: where it is, and where and how each label of it is drawn.
(() => {
  const box = (of) => {
    const { left, top, right, bottom } = of.getBoundingClientRect();
    return [left, top, right, bottom].map((at, side) => at + (side % 2 ? scrollY : scrollX));
  };
  const svg = document.querySelector("svg");
  const rgb = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
  // Luminance and contrast as WCAG 2 defines them.
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const fill = (of) => getComputedStyle(of).fill;
  const paper = fill(svg.querySelector(".paper"));
  const label = (text) => {
    // A layer's number is on that layer.
    const on = text.classList.contains("on");
    const behind = on ? fill(text.parentNode.querySelector(":scope > path.layer") ?? text.previousElementSibling) : paper;
    const [less, more] = [light(fill(text)), light(behind)].sort((a, b) => a - b);
    const own = [...text.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();
    const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    return { text: own, box: box(text), size, contrast: (more + 0.05) / (less + 0.05) };
  };
  return {
    picture: box(svg),
    width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
    layers: svg.querySelectorAll("path.layer").length,
    labels: [...svg.querySelectorAll("text")].map(label).filter((label) => label.text !== ""),
  };
})()
