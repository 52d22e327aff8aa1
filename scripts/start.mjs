// npm start: sets up whatever is missing and runs the example cluster.
// npm start -- --load: compares no cache, a cache per process and stratacache under the same load.
// npm start -- --redis: two simulated hosts and the Redis between them.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Refusal, runScript, say } from './console.mjs'
import { offerRedis } from './redis.mjs'
import { root, setUp } from './setup.mjs'

const usage = `npm start                the example cluster with its live page (PORT, HOST and WORKERS from the environment)
npm start -- --load      the same cluster under a replayed load, with and without the cache
npm start -- --redis     two such clusters as two hosts with a Redis between them (PORT from the environment); --tour ends after the tour`

runScript(async () => {
  const { load, redis, tour, help } = options()
  if ((load && redis) || (tour && !redis)) throw new Refusal(`These do not go together.\n${usage}`)
  if (help) {
    say(usage)
    return 0
  }
  const { types } = await setUp()
  if (!types) throw new Refusal('Not started: fix the type errors above first.')
  if (redis && !await offerRedis('the example with two hosts needs one')) throw new Refusal('Not started: install Redis first.')
  say()
  return run(join(root, 'dist/examples/cluster-api', load ? 'load.js' : redis ? 'two-hosts/main.js' : 'main.js'), tour ? ['--tour'] : [])
})

function options() {
  const flag = { type: 'boolean' }
  return parseArgs({ options: { load: flag, redis: flag, tour: flag, help: { ...flag, short: 'h' } } }).values
}

// The terminal sends Ctrl+C to both; this process only stays to hand on the example's exit code,
// and passes a SIGTERM that was sent to it alone.
function run(program, args) {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
