// Runs models with ONNX Runtime's Node binding: node run.js BINDING DIR [LEVEL];
// DIR has model.onnx and feeds.json, and gets outputs.json. With a level of the
// optimiser the model is replaced by the one that it writes.
const [binding, dir, level] = process.argv.slice(2);
const fs = require('fs'), path = require('path'), ort = require(binding);
const integers = { int64: BigInt64Array, uint64: BigUint64Array };
const arrays = { float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
  uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, float16: Uint16Array, bool: Uint8Array };

async function main() {
  const file = path.join(dir, 'model.onnx');
  const session = await ort.InferenceSession.create(file, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const feeds = {};
  for (const { name, type, dims, data } of JSON.parse(fs.readFileSync(path.join(dir, 'feeds.json')))) {
    const values = type === 'string' ? data : integers[type] ? integers[type].from(data.map(BigInt)) : arrays[type].from(data);
    feeds[name] = new ort.Tensor(type, values, dims);
  }
  const out = await session.run(feeds), list = [];
  for (const name of session.outputNames) {
    const t = out[name];
    list.push({ name, type: t.type, dims: t.dims, data: Array.from(t.data, v => typeof v === 'bigint' ? v.toString() : Number.isNaN(v) ? 'NaN' : v) });
  }
  fs.writeFileSync(path.join(dir, 'outputs.json'), JSON.stringify(list));
  if (level) {
    const written = path.join(dir, 'optimised.onnx');
    await ort.InferenceSession.create(file, { graphOptimizationLevel: level, optimizedModelFilePath: written, logSeverityLevel: 4 });
    fs.renameSync(written, file);
  }
}
main().catch(e => { console.error(String(e.message || e)); process.exit(1); });
