// A square to draw on. Strokes are drawn here, at once; when one ends, the pixels go to Python.
const ZOOM = 10;

function render({ model, el }) {
  const side = model.get("side");
  const canvas = document.createElement("canvas");
  canvas.className = "accelml-pad";
  canvas.width = canvas.height = side * ZOOM;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "canvas: draw a digit");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  let last = null;

  function wipe() {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, canvas.width, canvas.height);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * canvas.width,
      ((event.clientY - box.top) / box.height) * canvas.height,
    ];
  }

  function draw(event) {
    const here = place(event);
    pen.strokeStyle = "white";
    pen.lineWidth = 2.2 * ZOOM;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...here);
    pen.stroke();
    last = here;
  }

  function send() {
    const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    const pixels = new Array(side * side).fill(0);
    for (let y = 0; y < canvas.height; y++)
      for (let x = 0; x < canvas.width; x++)
        pixels[Math.floor(y / ZOOM) * side + Math.floor(x / ZOOM)] +=
          data[4 * (y * canvas.width + x)] / (255 * ZOOM * ZOOM);
    model.set("pixels", pixels);
    model.save_changes();
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last) draw(event);
  });
  const end = () => {
    if (!last) return;
    last = null;
    send();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  const cleared = () => {
    if (model.get("pixels").length === 0) wipe();
  };
  model.on("change:pixels", cleared);
  wipe();
  el.appendChild(canvas);
  return () => model.off("change:pixels", cleared);
}

export default { render };
