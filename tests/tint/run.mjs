// Gives the dispatches of a folder to Dawn, the WebGPU of Chrome, whose compiler is Tint, and compares
// what it writes with what wgpu and naga wrote:
//   cargo run -p limbeck-kernels --features gpu --example dispatches -- llvmpipe FOLDER
//   npm install webgpu && node tests/tint/run.mjs FOLDER
// It needs a Vulkan driver that Dawn accepts, such as Chromium's SwiftShader: VK_DRIVER_FILES says where.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

// As the case tables allow for the sums of a whole operator, of which a dispatch is a part: compilers
// fuse multiplications and additions as they like.
const TOLERANCE = 1e-5;

const path = process.argv[2];
if (!path) {
  console.error('usage: node run.mjs FOLDER');
  process.exit(2);
}

// A process for every dispatch: the package does not survive many pipelines in one.
if (statSync(path).isDirectory()) {
  const names = readdirSync(path).filter((name) => name.endsWith('.dispatch')).sort();
  let [failed, equal, worst] = [0, 0, 0];
  for (const name of names) {
    const run = spawnSync(process.execPath, [process.argv[1], join(path, name)], { encoding: 'utf8', timeout: 60_000 });
    const error = Number(run.stdout.trim().split('\n').at(-1));
    if (run.status !== 0) {
      failed += 1;
      console.log(`${name}\n${run.stdout}${run.stderr}`);
    } else if (error === 0) {
      equal += 1;
    } else {
      worst = Math.max(worst, error);
    }
  }
  console.log(`${names.length} dispatches, ${failed} with problems, ${equal} with the same bits, ` +
    `largest difference ${worst.toExponential(1)}`);
  process.exit(failed > 0 ? 1 : 0);
}

const { create, globals } = await import('webgpu');
Object.assign(globalThis, globals);

/** What the example wrote: a line for each fact. */
function read(path) {
  const dispatch = { buffers: [], code: readFileSync(path.replace(/\.dispatch$/, '.wgsl'), 'utf8') };
  const bytes = (digits) => new Uint8Array(Buffer.from(digits ?? '', 'hex'));
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [word, ...rest] = line.split(' ');
    if (word === 'entry') dispatch.entryPoint = rest[0];
    if (word === 'workgroups') dispatch.workgroups = rest.map(Number);
    if (word === 'parameters') dispatch.parameters = Uint32Array.from(rest.filter(Boolean), Number);
    if (word === 'read') dispatch.buffers.push({ before: bytes(rest[0]) });
    if (word === 'write') dispatch.buffers.push({ before: bytes(rest[0]), after: bytes(rest[1]) });
  }
  return dispatch;
}

/** Runs it; gives the contents of the buffers that it may write to, by number. */
async function run(device, { code, entryPoint, workgroups, parameters, buffers }) {
  const visibility = GPUShaderStage.COMPUTE;
  const group = (types) => device.createBindGroupLayout({
    entries: types.map((type, binding) => ({ binding, visibility, buffer: { type } })),
  });
  const layouts = [
    group(buffers.map(({ after }) => (after ? 'storage' : 'read-only-storage'))),
    group(['uniform']),
  ];
  const upload = (bytes, size, usage) => {
    const buffer = device.createBuffer({ size: Math.max(16, size), usage: usage | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  };
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const bound = [
    buffers.map(({ before }) => upload(before, before.length, storage)),
    [upload(parameters, 256, GPUBufferUsage.UNIFORM)],
  ];
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: layouts }),
    compute: { module: device.createShaderModule({ code }), entryPoint },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  bound.forEach((buffers, number) => {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    pass.setBindGroup(number, device.createBindGroup({ layout: layouts[number], entries }));
  });
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  const copies = new Map();
  buffers.forEach(({ after }, number) => {
    if (!after?.length) return;
    const copy = device.createBuffer({ size: after.length, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.copyBufferToBuffer(bound[0][number], 0, copy, 0, after.length);
    copies.set(number, copy);
  });
  device.queue.submit([encoder.finish()]);
  const written = new Map();
  for (const [number, copy] of copies) {
    await copy.mapAsync(GPUMapMode.READ);
    written.set(number, new Uint8Array(copy.getMappedRange().slice(0)));
  }
  return written;
}

/** The largest difference, relative to the largest number; infinite where integers or NaNs differ. */
function difference(found, expected, real) {
  if (Buffer.compare(found, expected) === 0) return 0;
  if (!real) return Infinity;
  const numbers = (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const [a, b] = [numbers(found), numbers(expected.slice())];
  let [largest, error] = [0, 0];
  for (let i = 0; i < a.length; i += 1) {
    if (Object.is(a[i], b[i])) continue;
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) return Infinity;
    error = Math.max(error, Math.abs(a[i] - b[i]));
  }
  for (const x of b) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  return error / Math.max(largest, Number.MIN_VALUE);
}

const dispatch = read(path);
// Kept to the end: what hangs on it ends with it.
const gpu = create(['backend=vulkan']);
const adapter = await gpu.requestAdapter();
if (!adapter) {
  console.log('Dawn finds no Vulkan adapter');
  process.exit(1);
}
const device = await adapter.requestDevice();
device.pushErrorScope('validation');
const written = await run(device, dispatch);
const fault = await device.popErrorScope();
if (fault) {
  console.log(fault.message);
  process.exit(1);
}
let worst = 0;
for (const [number, found] of written) {
  const declared = new RegExp(`@binding\\(${number}\\)\\s*var<storage[^>]*>\\s*\\w+\\s*:\\s*array<([^;]*)>`);
  const type = dispatch.code.match(declared)?.[1] ?? 'f32';
  worst = Math.max(worst, difference(found, dispatch.buffers[number].after, type.includes('f32')));
}
if (worst > TOLERANCE) console.log(`differs by ${worst} of the largest number on ${adapter.info.description}`);
console.log(worst);
device.destroy();
globalThis.kept = [gpu, adapter, device];
process.exit(worst > TOLERANCE ? 1 : 0);
