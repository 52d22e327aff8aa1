// npm run bench: sets up, installs what the benchmarks compare with, runs them, writes bench/results.
//   npm run bench -- micro latency    only these
//   npm run bench -- --quick          a smoke; its figures mean nothing and go to build/bench-quick
//   npm run bench:native              the C++ core alone
//   npm run bench:redis               those of Redis as the second tier
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal, runScript, say } from './console.mjs'
import { installPeers } from './peers.mjs'
import { offerRedis } from './redis.mjs'
import { buildNative, root, setUp } from './setup.mjs'
import { stamp } from './stamp.mjs'

runScript(async () => {
  const args = process.argv.slice(2)
  const isNative = args.includes('--native')
  const { native, types } = await setUp()
  if (!native) throw new Refusal('Without the addon there is nothing to measure.')
  if (!types) say('  type errors: what the compiler wrote in spite of them is measured')
  await installPeers()
  if (isNative || args.includes('native')) await buildProgram()
  if (!isNative) await offerRedis(args.includes('--redis') ? 'nothing can be measured' : 'ioredis is not measured')
  say()
  return run(isNative ? ['native', ...args.filter((arg) => arg !== '--native')] : args)
})

// node-gyp writes to ./build, so the program gets a directory of links, as the native tests do.
async function buildProgram() {
  const dir = join('build', 'native-bench')
  mkdirSync(join(root, dir), { recursive: true })
  for (const path of ['binding.gyp', 'native', 'bench', 'test']) {
    rmSync(join(root, dir, path), { force: true })
    symlinkSync(join(root, path), join(root, dir, path))
  }
  // The stamp of buildNative knows the core's sources, not those of the program.
  const sources = stamp(root, 'native-bench-sources', ['bench/native'])
  if (!sources.isFresh()) rmSync(join(root, 'build', 'stamps', 'native-bench'), { force: true })
  const done = await buildNative({ name: 'native-bench', dir, doing: 'compiling the native benchmark', defines: ['native_bench=1'] })
  if (!done) throw new Refusal('The native benchmark did not compile.')
  sources.renew()
}

function run(args) {
  const program = join(root, 'dist', 'bench', 'run.js')
  if (!existsSync(program)) throw new Refusal('dist/bench/run.js is missing.')
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
    child.on('close', (code) => resolve(code ?? 1))
  })
}
