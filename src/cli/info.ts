/** stratacache info: how this host stands, once. */
import type { Command } from './arguments'
import { findHost } from './host'
import { type HostState, stateOf } from './host-state'

const DEGRADED = 3

export const info: Command = {
  name: 'info',
  does: 'prints how this host stands: table, leader, link to Redis, journal, breaker, dead letters',
  flags: ['name', 'dir', 'l2.heartbeat'],
  own: {
    json: { doc: 'as one JSON object' },
    check: { doc: `exit code ${DEGRADED} when changes of other hosts may be missed: no leader, or no contact with Redis` },
  },
  run({ options, own }) {
    const host = findHost(options)
    try {
      const state = stateOf(host, options.name, options.l2.heartbeatMs)
      process.stdout.write(`${own['json'] === true ? JSON.stringify(state) : textOf(state)}\n`)
      return own['check'] === true && state.link.isDegraded ? DEGRADED : 0
    } finally {
      host.close()
    }
  },
}

function textOf({ cache, leader, link, journal, breaker, deadLetters }: HostState): string {
  const rows: [string, string][] = [
    ['cache', `${cache.name}, ${cache.path}`],
    ['table', `${whole(cache.entries)} entries, ${size(cache.liveBytes)} of ${size(cache.memoryBytes)}, ${percent(cache.hitRatio)} of reads hit`],
    ['leader', leader.term === 0 ? 'none so far' : `term ${leader.term}, process ${leader.pid}`],
    ['link', `${link.state}${link.silentMs === null ? '' : `, heard ${seconds(link.silentMs)} ago`}${link.isDegraded ? ': changes of other hosts may be missed' : ''}`],
    ['journal', `${size(journal.pendingBytes)} of ${size(journal.capacityBytes)} pending; ${whole(journal.committed)} written, ${whole(journal.settled)} settled, ${whole(journal.resent)} sent again`],
    ['breaker', breaker],
    ['dead', `${whole(deadLetters.total)} writes that Redis refused for good`],
    ...deadLetters.latest.map(({ timeMs, op, bytes, reason }): [string, string] => ['', `${new Date(timeMs).toISOString()} ${op}, ${bytes} bytes: ${reason}`]),
  ]
  return rows.map(([name, text]) => `${name.padEnd(8)} ${text}`).join('\n')
}

const whole = (value: number): string => value.toLocaleString('en')
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

function size(bytes: number): string {
  const step = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10))
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${['B', 'KiB', 'MiB', 'GiB'][step]}`
}
