/** stratacache acl: what an administrator has to allow in Redis. */
import { accessRules } from '../l2/permissions'
import { Names } from '../l2/names'
import { connectionSpec } from '../l2/redis'
import { CacheError } from '../words/errors'
import type { Asked, Command } from './arguments'

const USER = /^[^\s>~&+#%<]{1,128}$/

export const acl: Command = {
  name: 'acl',
  does: 'prints the ACL SETUSER line with exactly the permissions that the cache needs',
  flags: ['name', 'redis', 'redisFile', 'durability', 'singleFlight', 'l2.foreignWriters'],
  own: {
    'user': { value: 'NAME', doc: "the user's name (that of --redis, or the cache's)" },
    'reads-only': { doc: "for processes with coordinator: 'daemon', which never write to Redis themselves" },
    'cluster': { doc: 'for a Redis Cluster, where --redis does not say so' },
  },
  notes: ['The user it makes has no password yet and cannot log in: give it one with ACL SETUSER NAME >PASSWORD.'],
  run(asked) {
    process.stdout.write(`${aclLine(asked)}\n`)
    return 0
  },
}

function aclLine({ options, own }: Asked): string {
  const spec = options.redis === undefined ? undefined : connectionSpec(options.redis)
  const of = (name: string): unknown => spec?.options[name]
  const user = typeof own['user'] === 'string' ? own['user'] : String(of('username') ?? options.name)
  // It would end the word, or be read as a rule.
  if (!USER.test(user)) throw new CacheError('ERR_CACHE_OPTION', `--user must be 1 to 128 letters without blanks or any of ">~&+#%<", got ${JSON.stringify(user)}`)
  const rules = accessRules(new Names(options.name), {
    readsOnly: own['reads-only'] === true,
    isCluster: own['cluster'] === true || spec?.kind === 'cluster',
    isSentinel: spec?.kind === 'sentinel',
    replicas: options.durability === 'replicated',
    foreignWriters: options.l2.foreignWriters,
    fleetFlights: options.singleFlight === 'fleet',
    selects: Number(of('db') ?? 0) !== 0,
    named: typeof of('connectionName') === 'string',
  })
  return ['ACL SETUSER', user, 'reset', 'on', ...rules].join(' ')
}
