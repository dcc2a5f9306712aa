// Encode pixels with an exported model in Node: export_node.mjs MODEL.onnx PIXELS.bin N SIZE
// Prints the codes in hexadecimal, one a line. onnxruntime-node is looked for in NODE_PATH.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const ort = createRequire(import.meta.url)("onnxruntime-node");
const [model, file, count, size] = process.argv.slice(2);
const shape = [Number(count), Number(size), Number(size), 3];
const session = await ort.InferenceSession.create(model);
const pixels = new ort.Tensor("uint8", new Uint8Array(readFileSync(file)), shape);
const { codes } = await session.run({ pixels });
const width = codes.dims[1];
for (let row = 0; row < codes.dims[0]; row++) {
  console.log(Buffer.from(codes.data.slice(row * width, (row + 1) * width)).toString("hex"));
}
