/** What a cache needs to be allowed in Redis: as rules of an access list, and found out from a server that denies some of it. */
import { createHash } from 'node:crypto'
import { CONTROL_PARTITION } from './contract'
import { Failure } from './driver-errors'
import type { Request } from './link'
import type { Names } from './names'
import type { Nodes } from './nodes'

/** Runs each command of the write script on keys of its own and says which are denied. */
const PROBE = `
local hash, stream, text = KEYS[1], KEYS[2], KEYS[3]
local probes = {
  {'HSET', hash, 'n', '0'}, {'HMGET', hash, 'n'}, {'HGET', hash, 'n'}, {'HLEN', hash}, {'HGETALL', hash}, {'HDEL', hash, 'x'}, {'XADD', stream, 'MAXLEN', '~', '1', '*', 'm', ''},
  {'XREVRANGE', stream, '+', '-', 'COUNT', '1'}, {'SET', text, '', 'PX', '1000'}, {'GETRANGE', text, '0', '1'},
  {'SETRANGE', text, '0', 'x'}, {'PERSIST', text}, {'PEXPIRE', text, '1000'}, {'TIME'}, {'PUBLISH', ARGV[1], ''},
  {'UNLINK', hash, stream, text},
}
local denied = {}
for _, probe in ipairs(probes) do
  local reply = redis.pcall(unpack(probe))
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'OOM', 1, true) then denied[#denied + 1] = string.lower(probe[1]) end
end
return denied
`
const PROBE_SHA = createHash('sha1').update(PROBE).digest('hex')

export async function missingPermissions(nodes: Nodes, names: Names, deadlineMs: number): Promise<string[]> {
  if (!(await nodes.ready(deadlineMs, CONTROL_PARTITION))) return []
  const keys = ['hash', 'stream', 'text'].map((name) => names.probe(CONTROL_PARTITION, name))
  const state = names.state(CONTROL_PARTITION)
  const requests: Request[] = [
    ['SCRIPT', 'LOAD', PROBE],
    ['EVALSHA', PROBE_SHA, 3, ...keys, names.channel],
    ['MGET', keys[2]!],
    ['GETRANGE', keys[2]!, 0, 1],
    ['HMGET', state, 'n', 'e'],
    ['HGETALL', state],
    ['XRANGE', names.log(CONTROL_PARTITION), '-', '+', 'COUNT', 1],
    ['TIME'],
    ['PUBLISH', names.channel, ''],
  ]
  const answers = (await nodes.send(new Map([[CONTROL_PARTITION, requests]]), deadlineMs)).get(CONTROL_PARTITION)!
  const missing = new Set<string>()
  answers.forEach((answer, index) => {
    const [name, sub] = requests[index]!
    if (answer instanceof Failure && answer.error.code === 'ERR_CACHE_L2_DENIED') {
      missing.add(`+${name.toLowerCase()}${name === 'SCRIPT' ? `|${String(sub).toLowerCase()}` : ''}`)
    } else if (index === 1 && Array.isArray(answer)) {
      for (const denied of answer) missing.add(`+${String(denied)}`)
    }
  })
  return [...missing]
}

export interface AccessNeeds {
  /** Only what processes do that never lead their host: reads. */
  readsOnly?: boolean
  isCluster?: boolean
  /** Connections ask whether the server is the primary that the sentinels said. */
  isSentinel?: boolean
  /** Writes wait for replicas. */
  replicas?: boolean
  foreignWriters?: boolean
  /** One load for all hosts: whoever loads also claims. */
  fleetFlights?: boolean
  /** Another database than 0 is selected. */
  selects?: boolean
  /** Connections have a name. */
  named?: boolean
}

const READER = ['mget', 'getrange', 'time']
const LEADER = [
  'evalsha', 'script|load', 'hmget', 'hget', 'hgetall', 'hlen', 'hset', 'hdel', 'xadd', 'xrange', 'xrevrange', 'set', 'setrange',
  'persist', 'pexpire', 'unlink', 'publish', 'subscribe', 'info',
]

const CLAIMER = ['set', 'pttl', 'eval', 'get', 'unlink', 'publish']

/** The rules that allow exactly what a cache does with these names, for ACL SETUSER after `reset`. */
export function accessRules(names: Names, needs: AccessNeeds = {}): string[] {
  const { readsOnly = false } = needs
  const commands = [...READER, ...(readsOnly ? [] : LEADER)]
  if (needs.fleetFlights) commands.push(...CLAIMER.filter((name) => !commands.includes(name)))
  if (needs.isCluster) commands.push('cluster|slots', 'asking')
  if (needs.isSentinel) commands.push('hello')
  if (needs.selects) commands.push('select')
  if (needs.named) commands.push('client|setname')
  if (needs.replicas && !readsOnly) commands.push('wait')
  if (needs.foreignWriters && !readsOnly) commands.push('client|id', 'client|tracking')
  // A partition has one to three digits: another cache's name that begins like this one's does not match.
  const stem = names.state(0).replace(/0\}:s$/, '')
  const digits = ['[0-9]', '[0-9][0-9]', '[0-9][0-9][0-9]']
  const keys = digits.map((each) => `${readsOnly ? '%R' : ''}~${stem}${each}}:*`)
  if (readsOnly && needs.fleetFlights) keys.push(...digits.map((each) => `~${stem}${each}}:f*`))
  const channels = readsOnly && !needs.fleetFlights ? [] : [`&${names.channel}`]
  if (needs.foreignWriters && !readsOnly) channels.push('&__redis__:invalidate')
  return [...keys, ...channels, '-@all', ...commands.map((name) => `+${name}`)]
}
