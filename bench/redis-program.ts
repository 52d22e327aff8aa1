/** Where the machine's Redis is. */
import { spawnSync } from 'node:child_process'

export interface RedisProgram {
  command: string
  version: string
}

const OVERRIDE = 'STRATACACHE_REDIS_SERVER'

/** What to tell people who have none. */
export const NO_REDIS =
  `no Redis: neither redis-server nor valkey-server (7.0 or later) is on the PATH; ` +
  `install one (Debian: apt-get install redis-server) or say where it is with ${OVERRIDE}=/path/to/redis-server`

let found: RedisProgram | undefined

/** The program of the environment's choice or else of the PATH; undefined if there is none. */
export function findRedis(): RedisProgram | undefined {
  const chosen = process.env[OVERRIDE]
  const commands = chosen === undefined || chosen === '' ? ['redis-server', 'valkey-server'] : [chosen]
  return found ??= commands.map(inspect).find((program) => program !== undefined)
}

/** Like `findRedis`, but throws where there is none. */
export function redisProgram(): RedisProgram {
  const program = findRedis()
  if (program === undefined) throw new Error(NO_REDIS)
  return program
}

function inspect(command: string): RedisProgram | undefined {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 ? { command, version: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown' } : undefined
}
