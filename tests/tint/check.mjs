// Asks Tint, the compiler of WGSL in Chrome, about the shaders of a folder, and makes a pipeline of each:
//   cargo run -p limbeck-kernels --features gpu --example shaders -- FOLDER
//   npm install webgpu && node tests/tint/check.mjs FOLDER
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const path = process.argv[2];
if (!path) {
  console.error('usage: node check.mjs FOLDER');
  process.exit(2);
}

// A process for every shader: the package does not survive many pipelines in one.
if (statSync(path).isDirectory()) {
  const files = readdirSync(path).filter((name) => name.endsWith('.wgsl')).sort();
  let failed = 0;
  for (const name of files) {
    const run = spawnSync(process.execPath, [process.argv[1], join(path, name)], { encoding: 'utf8' });
    if (run.status !== 0) {
      failed += 1;
      console.log(`${name}\n${run.stdout}${run.stderr}`);
    }
  }
  console.log(`${files.length} shaders, ${failed} with problems`);
  process.exit(failed > 0 ? 1 : 0);
}

const { create, globals } = await import('webgpu');
Object.assign(globalThis, globals);
// It reads, checks and lowers shaders without a driver.
const adapter = await create(['backend=null']).requestAdapter();
const device = await adapter.requestDevice();
device.pushErrorScope('validation');
const module = device.createShaderModule({ code: readFileSync(path, 'utf8') });
const { messages } = await module.getCompilationInfo();
const problems = messages.map((m) => `  ${m.type}, line ${m.lineNum}: ${m.message}`);
if (!messages.some((m) => m.type === 'error')) {
  const entryPoint = path.split('.').at(-2);
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
}
const error = await device.popErrorScope();
if (error) problems.push(`  ${error.message}`);
problems.forEach((problem) => console.log(problem));
process.exit(problems.length > 0 ? 1 : 0);
