// Redis for those who have none. It is no npm package; on Debian it is a line away for root.
import { createRequire } from 'node:module'
import { capture, step, without } from './console.mjs'

/**
 * Installs redis-server where the machine has none and we may. Returns whether there is one;
 * `lost` says what is not to be had without it. Our servers run on ports of their own: a service
 * that a package may start on 6379 is nobody's business.
 */
export async function offerRedis(lost) {
  // Compiled by the setup, which comes first.
  const { NO_REDIS, findRedis } = createRequire(import.meta.url)('../dist/bench/redis-program.js')
  if (findRedis()) return true
  // Who names a program gets that one or none.
  const asRoot = process.env.STRATACACHE_REDIS_SERVER ? undefined : await rootCommand()
  if (!asRoot) {
    without('redis', `${NO_REDIS}; ${lost}`)
    return false
  }
  return step('redis', 'apt-get install redis-server', async () => {
    const apt = (...args) => capture(asRoot[0], [...asRoot.slice(1), ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    await apt('update', '-qq')
    const { output } = await apt('install', '-y', '-qq', '--no-install-recommends', 'redis-server')
    if (!findRedis()) return `not to be had: ${lost}\n${NO_REDIS}\n${output.trim().split('\n').slice(-5).join('\n')}`
  })
}

/** apt-get as root, or undefined where it is missing or would ask for a password. */
async function rootCommand() {
  const works = async (...command) => (await capture(command[0], command.slice(1))).code === 0
  if (!await works('apt-get', '--version')) return undefined
  if (process.getuid?.() === 0) return ['apt-get']
  return await works('sudo', '-n', 'true') ? ['sudo', '-n', 'apt-get'] : undefined
}
