/* Annotates a picture in the browser itself, by LiteRT, as the server would. */
import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

/* Browsers hold no larger picture on a canvas everywhere. */
const MAX_PIXELS = 16e6;
/* As in semreg_tf/litert_model.py and semreg_tf/data/crop_sampling.py. */
const LOWEST_SCORE = -3e4;
const EDGE_TOLERANCE = 1 / 16, LONGEST_SIDE = 4096;

let loading = null;

async function load() {
  const response = await fetch("model.json");
  if (!response.ok) throw new Error(`model.json cannot be read: ${response.status}.`);
  const description = await response.json();
  await loadLiteRt("litert/wasm/");
  return { description, model: await loadAndCompile("model.tflite", { accelerator: "wasm" }) };
}

/* The pixels of a file, upright, over white where it is transparent, without its colour profile. */
async function decoded(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw new Error("Your browser cannot read this file as a picture.");
  }
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.floor(bitmap.width * scale));
  const height = Math.max(1, Math.floor(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/* The pixels on both sides of each sample of one axis, and how far it is between them. */
function places(side, resized, size) {
  const offset = (resized - size) >> 1;
  let first = 0, last = resized;
  const edge = (end) => (end * side) / resized;
  const meets = (end) => Math.abs(edge(end) - Math.round(edge(end))) <= EDGE_TOLERANCE;
  if (side >= resized && side <= LONGEST_SIDE) {
    for (first = offset; first > 0 && !meets(first);) first -= 1;
    for (last = offset + size; last < resized && !meets(last);) last += 1;
  }
  const start = Math.round(edge(first)), extent = Math.round(edge(last)) - start;
  const scale = Math.fround(extent / (last - first));
  return Array.from({ length: size }, (_, i) => {
    const place = Math.fround(Math.fround((offset - first + i + 0.5) * scale) - 0.5);
    const whole = Math.floor(place);
    return [start + Math.max(whole, 0), start + Math.min(Math.ceil(place), extent - 1),
      place - whole];
  });
}

/* The centre of the picture resized to a square: bilinear samples, as the model was trained on. */
function sampled({ data, width, height }, { resized, size }) {
  const columns = places(width, resized, size);
  const image = new Float32Array(size * size * 3);
  let at = 0;
  for (const [upper, lower, down] of places(height, resized, size)) {
    for (const [left, right, across] of columns) {
      for (let channel = 0; channel < 3; channel += 1) {
        const value = (row, column) => data[4 * (row * width + column) + channel];
        const top = value(upper, left) + (value(upper, right) - value(upper, left)) * across;
        const bottom = value(lower, left) + (value(lower, right) - value(lower, left)) * across;
        image[at] = top + (bottom - top) * down;
        at += 1;
      }
    }
  }
  return image;
}

/* User tags as 0 and 1, and how many the model does not know. */
function known(text, names) {
  const hot = new Float32Array(names.length);
  let unknown = 0;
  for (const tag of text.split(",").map((part) => part.trim()).filter(Boolean)) {
    const exact = names.indexOf(tag);
    const place = exact >= 0 ? exact : names.indexOf(tag.toLowerCase());
    if (place >= 0) hot[place] = 1; else unknown += 1;
  }
  return { hot, unknown };
}

async function run(model, signature, inputs) {
  const found = await model.run(signature, inputs);
  const values = {};
  for (const [name, tensor] of Object.entries(found)) {
    values[name] = { shape: [...tensor.type.layout.dimensions], data: tensor.toTypedArray().slice() };
    tensor.delete();
  }
  for (const tensor of Object.values(inputs)) tensor.delete();
  return values;
}

/* Returns what the server's `predictions` hold for one picture. */
export async function annotate(blob, userTags) {
  loading ||= load();
  /* What failed is tried again. */
  loading.catch(() => { loading = null; });
  const { description, model } = await loading;
  const { size } = description.image;
  const pixels = sampled(await decoded(blob), description.image);
  const inputs = { image: new Tensor(pixels, [1, size, size, 3]) };
  const tags = description.user_tags;
  const { hot, unknown } = known(userTags, tags);
  if (tags.length) inputs.user_tags = new Tensor(hot, [1, tags.length]);
  const found = await run(model, description.signature, inputs);
  const [, results, steps] = found.token_ids.shape;
  const rows = (values) => Array.from({ length: results }, (_, i) =>
    Array.from(values.slice(i * steps, (i + 1) * steps)));
  const labels = rows(found.token_ids.data).map((ids) =>
    ids.filter((id) => id >= 0).map((id) => description.words[id]));
  const isTagger = description.task === "tags";
  const separator = isTagger || description.signature === "top_k" ? ", " : " ";
  return {
    annotations: labels.map((words) => words.join(separator)),
    /* What the search did not find is null, as in the server's JSON. */
    scores: Array.from(found.scores.data, (value) => (value > LOWEST_SCORE ? value : null)),
    concept_names: description.concepts,
    concept_probabilities: Array.from(found.concept_probabilities.data),
    unknown_user_tags: unknown,
    ...(isTagger ? { labels, label_scores: rows(found.label_scores.data) } : {}),
  };
}
