// npm start: sets up whatever is missing and runs the example cluster.
// npm start -- --load: compares no cache, a cache per process and stratacache under the same load.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Refusal, runScript, say } from './console.mjs'
import { root, setUp } from './setup.mjs'

const usage = `npm start                the example cluster with its live page (PORT, HOST and WORKERS from the environment)
npm start -- --load      the same cluster under a replayed load, with and without the cache`

runScript(async () => {
  const { load, help } = options()
  if (help) {
    say(usage)
    return 0
  }
  const { types } = await setUp()
  if (!types) throw new Refusal('Not started: fix the type errors above first.')
  say()
  return run(join(root, 'dist/examples/cluster-api', load ? 'load.js' : 'main.js'))
})

function options() {
  return parseArgs({ options: { load: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values
}

// The terminal sends Ctrl+C to both; this process only stays to hand on the example's exit code,
// and passes a SIGTERM that was sent to it alone.
function run(program) {
  const child = spawn(process.execPath, [program], { stdio: 'inherit' })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
